"""How well the site of a visit is told from sizes and times alone.

classify.py CAPTURE VISITS HOME-IPV4 WINDOW SEED

CAPTURE is a pcap file of home's uplink (Ethernet; only lengths, addresses and times are read), VISITS a JSON list of
{site, start, end, error}, times in seconds since 1970. A visit's trace is what passed from its start until the next one's,
or for WINDOW seconds if that is less. Prints JSON: accuracy and its deviation over five stratified folds, the same with
the labels mixed up, and kB of a trace up and down.
"""

import json
import socket
import struct
import sys

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

SLOTS = 80
FIRST = 60
POINTS = 60


def read_capture(path, home):
    """Times in seconds and signed lengths of the IPv4 packets, those from home positive."""
    data = open(path, "rb").read()
    if struct.unpack_from("<I", data)[0] != 0xA1B2C3D4 or struct.unpack_from("<I", data, 20)[0] != 1:
        sys.exit(f"{path}: not a little-endian pcap file of Ethernet frames with microseconds")
    own = socket.inet_aton(home)
    times, lengths, at = [], [], 24
    while at + 16 <= len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        frame = at + 16
        at = frame + kept
        if at > len(data):
            break
        if kept < 34 or data[frame + 12 : frame + 14] != b"\x08\x00":
            continue
        length = struct.unpack_from(">H", data, frame + 16)[0]
        if data[frame + 26 : frame + 30] == own:
            lengths.append(length)
        elif data[frame + 30 : frame + 34] == own:
            lengths.append(-length)
        else:
            continue
        times.append(seconds + micros / 1e6)
    return np.array(times), np.array(lengths, dtype=float)


def spread(values):
    """Statistics of a list, zeros for an empty one."""
    if len(values) == 0:
        return [0.0] * 9
    return [np.mean(values), np.std(values), *np.percentile(values, [0, 10, 25, 50, 75, 90, 100])]


def features(times, lengths, window):
    """One row of numbers for a trace whose times count from its start: counts, sizes, gaps, sums, slots, bursts."""
    row = [len(lengths), times[-1] if len(times) else 0.0]
    for sign in (1, -1):
        mine = lengths * sign > 0
        sizes, when = np.abs(lengths[mine]), times[mine]
        row += [len(sizes), sizes.sum(), *spread(sizes), *spread(np.diff(when)), *spread(when)]
        row += list(np.histogram(sizes, bins=30, range=(0, 1500))[0])
        row += list(np.histogram(when, bins=SLOTS, range=(0, window), weights=sizes)[0])
        # Where in the order of all packets this direction's stand, and how many of each twenty they are.
        row += spread(np.flatnonzero(mine))
        row += spread([mine[i : i + 20].sum() for i in range(0, len(mine), 20)])
    row += list(np.pad(lengths[:FIRST], (0, max(0, FIRST - len(lengths)))))
    sums = np.cumsum(lengths) if len(lengths) else np.zeros(1)
    row += list(np.interp(np.linspace(0, len(sums) - 1, POINTS), np.arange(len(sums)), sums))
    turns = np.flatnonzero(np.diff(np.sign(lengths))) if len(lengths) else []
    row += [len(turns), *spread(np.diff(turns))]
    return row


def main():
    capture, visits, home, window, seed = sys.argv[1], json.load(open(sys.argv[2])), sys.argv[3], float(sys.argv[4]), int(sys.argv[5])
    times, lengths = read_capture(capture, home)
    rows, labels, up, down = [], [], [], []
    for visit, after in zip(visits, [*visits[1:], None]):
        if visit["error"] is not None:
            continue
        until = visit["start"] + window
        if after is not None:
            until = min(until, after["start"])
        low, high = np.searchsorted(times, [visit["start"], until])
        trace = lengths[low:high]
        rows.append(features(times[low:high] - visit["start"], trace, window))
        labels.append(visit["site"])
        up.append(trace[trace > 0].sum())
        down.append(-trace[trace < 0].sum())
    rows, labels = np.array(rows), np.array(labels)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    forest = RandomForestClassifier(300, max_features=0.1, random_state=seed, n_jobs=-1)
    real = cross_val_score(forest, rows, labels, cv=folds)
    mixed = cross_val_score(forest, rows, np.random.default_rng(seed).permutation(labels), cv=folds)
    figures = {"accuracy": real.mean(), "deviation": real.std(), "permuted": mixed.mean()}
    figures |= {"up": np.mean(up) / 1000, "down": np.mean(down) / 1000}
    print(json.dumps({name: float(value) for name, value in figures.items()}))


main()
