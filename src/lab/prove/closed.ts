// Issue 2 §4, point 4: with a container of the chain stopped, nothing of the client's leaves home, and all resumes after.

import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../host.ts';
import { classify } from '../pcap.ts';
import type { Answer } from '../server/probe.ts';
import { HOME, VPS } from '../topology.ts';
import { startCapture } from './capture.ts';
import { startProber, type Prober } from './prober.ts';
import { type Name, start, stop } from './container.ts';
import { marker, row, tally, type Row, type Step } from './row.ts';

/** Milliseconds for which each container stays stopped, and within which traffic must be back. */
const STOPPED = 4000;
const BACK = 60_000;
/** What the client must get answered when all is well; its IPv6 has no way out. */
const WANTED: readonly Answer['by'][] = ['udp', 'tcp', 'icmp', 'dns'];

/** Stops each of the containers in turn, in home, while a prober in the client keeps sending. */
export async function* proveClosed(containers: readonly Name[]): AsyncGenerator<Step> {
  for (const container of containers) {
    const word = marker();
    const prober = await startProber('client', word);
    try {
      yield await row(`${container} stopped: the chain had carried before`, () => answersAgain(prober, Date.now()));
      yield { waiting: `${container} is stopped for ${STOPPED / 1000} s and started, until traffic is back` };
      yield* await stopped(container, word, prober);
    } finally {
      await prober.stop();
    }
  }
}

async function stopped(container: Name, word: string, prober: Prober): Promise<readonly Row[]> {
  // From before the stop until after the start: neither may let a packet through.
  const captures = await Promise.all([startCapture('home', 'eth0'), startCapture('vps', 'eth0')]);
  let silent: readonly Answer[] = [];
  let started = 0;
  const resumed = await row(`${container} started, and applied again: traffic resumes`, async () => {
    await ask('home', stop(container), { deadline: 30_000 });
    // Answers to what was sent before the stop may still arrive.
    await sleep(300);
    const from = Date.now();
    await sleep(STOPPED);
    silent = prober.answersSince(from);
    started = Date.now();
    await ask('home', start(container), { deadline: 30_000 });
    // Padding goes with the device: until somebody has put it back, by hand or unasked, the tunnel sends nothing.
    await ask('home', ['op-dbus', 'apply', '/etc/op-dbus/state.json']);
    return answersAgain(prober, started);
  });
  const [home = [], vps = []] = await Promise.all(captures.map((capture) => capture.stop()));
  const seen = home.map((frame) => classify(frame, HOME.uplink, VPS)).filter(({ expected }) => !expected);
  const plain = [...home, ...vps].filter((frame) => frame.includes(word)).length;
  return [
    {
      name: `${container} stopped: no packet of the client's on home's uplink`,
      ok: started > 0 && seen.length === 0,
      detail:
        seen.length === 0
          ? `all ${home.length} frames are TLS to the VPS or ARP`
          : tally(seen.map(({ label }) => label)),
    },
    {
      name: `${container} stopped: the client gets no answer, and nothing in clear passes either uplink`,
      ok: started > 0 && silent.length === 0 && plain === 0,
      detail: `${tally(silent.map(({ by }) => by))} answered; the marker is in ${plain} frames`,
    },
    resumed,
  ];
}

/** Waits until everything that should be answered has been, counting from `since`. */
export async function answersAgain(prober: Prober, since: number): Promise<Omit<Row, 'name'>> {
  for (let waited = 0; waited < BACK; waited += 20) {
    const answers = prober.answersSince(since);
    const first = WANTED.map((by) => answers.find((answer) => answer.by === by)?.time);
    if (first.every((time) => time !== undefined)) {
      const times = first.map((time) => (time ?? 0) - since);
      const each = WANTED.map((by, index) => `${by} ${((times[index] ?? 0) / 1000).toFixed(1)} s`);
      return { ok: true, detail: `answered after ${each.join(', ')}` };
    }
    await sleep(20);
  }
  const missing = WANTED.filter((by) => !prober.answersSince(since).some((answer) => answer.by === by));
  return { ok: false, detail: `no answer by ${missing.join(', ')} within ${BACK / 1000} s` };
}
