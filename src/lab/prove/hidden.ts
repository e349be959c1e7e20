// Issue 2 §4, point 3: what the ISP (home's uplink) and the VPS's provider (the VPS's uplink) get to see.

import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../host.ts';
import { classify, tlsRecords } from '../pcap.ts';
import { HOME, TARGET, VPS } from '../topology.ts';
import { startCapture } from './capture.ts';
import { marker, row, tally, type Row, type Step } from './row.ts';

/**
 * The client sends and receives a marker by HTTP in clear, UDP, ICMP and DNS while both uplinks are captured, and target's
 * too: there it must be found, or not finding it elsewhere would mean nothing.
 */
export async function* proveHidden(): AsyncGenerator<Step> {
  yield { waiting: 'captures while the client talks' };
  const word = marker();
  const taken = await Promise.all((['home', 'vps', 'target'] as const).map((host) => startCapture(host, 'eth0')));
  let failed: unknown = null;
  try {
    await talk(word);
    // What is on its way still counts.
    await sleep(200);
  } catch (error) {
    failed = error;
  }
  const [home = [], vps = [], target = []] = await Promise.all(taken.map((capture) => capture.stop()));
  const seen = home.map((frame) => classify(frame, HOME.uplink, VPS));
  const holds = (frames: readonly Buffer[]) => frames.filter((frame) => frame.includes(word)).length;
  yield* [
    await row('the marker travels: target gets it in clear', () => {
      if (failed !== null) return Promise.reject(failed);
      return Promise.resolve({ ok: holds(target) >= 3, detail: `in ${holds(target)} of ${target.length} frames` });
    }),
    {
      name: "home's uplink holds TLS to the VPS's 443 and nothing else",
      ok: seen.every(({ expected }) => expected) && tlsRecords(home) > 0,
      detail: `${tally(seen.map(({ label }) => label))}; ${tlsRecords(home)} begin a TLS record`,
    },
    ...(
      [
        ["home's uplink", home],
        ["the VPS's uplink", vps],
      ] as const
    ).map(
      ([place, frames]): Row => ({
        name: `no byte of the client's plaintext on ${place}`,
        ok: frames.length > 0 && holds(frames) === 0,
        detail: `the marker is in ${holds(frames)} of ${frames.length} frames`,
      }),
    ),
  ];
}

async function talk(word: string): Promise<void> {
  const curl = ['curl', '-sS', '--max-time', '15'];
  await ask('client', [...curl, `http://target.example.net/marker/${word}`]);
  await ask('client', [...curl, '--data', word.repeat(100), 'http://target.example.net/echo']);
  await ask('client', ['getent', 'hosts', `${word}.target.example.net`]);
  // ping's pattern is up to 16 bytes, given in hexadecimal: the marker's beginning.
  const pattern = Buffer.from(word).toString('hex').slice(0, 32);
  await ask('client', ['ping', '-n', '-c', '2', '-i', '0.1', '-p', pattern, '-s', '200', TARGET.ip]);
}
