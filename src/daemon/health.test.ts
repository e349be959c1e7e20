// Which hop is named, and when a tunnel is restarted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { kinds } from '../kinds/index.ts';
import type { Part } from '../kinds/kind.ts';
import { health } from './health.ts';
import { patience } from './patience.ts';

const container = (name: string, id: number, order: number): Resource =>
  ({ kind: 'container', name, spec: { id, order } }) as Resource;
const inside = (kind: string, name: string, unit: string, reload: string | null): Resource =>
  ({ kind, name: `${name}/${unit}`, spec: { container: name, unit, reload, files: {} } }) as unknown as Resource;
const chain = [
  container('gateway', 100, 2),
  container('warp', 101, 1),
  container('proxy', 102, 0),
  inside('tunnel', 'gateway', 'wg-quick@wg0', 'x'),
  inside('tunnel', 'warp', 'wg-quick@wg-warp', null),
  inside('proxy', 'proxy', 'xray', null),
];

type Bench = {
  readonly said: string[];
  readonly ran: string[];
  readonly asked: string[];
  readonly at: (seconds: number) => Promise<void>;
};

/** A chain in which the hops named in `down` fail. */
function bench(
  down: Set<string>,
  received: (time: number) => number = (time) => time,
  wanted: readonly Resource[] = chain,
): Bench {
  let time = 0;
  const [said, ran, asked]: [string[], string[], string[]] = [[], [], []];
  const part = (kind: string) => (_: Host, wanted: readonly Resource[]) => {
    for (const { name } of wanted) asked.push(`${kind} ${name}`);
    return Promise.resolve(
      wanted.map(({ name }): Part => {
        const hop = name.split('/')[0] ?? '';
        const up = !down.has(`${kind} ${hop}`);
        const waiting = up ? null : `an answer for ${time / 1000} s`;
        return { hop, name, up, waiting, facts: { present: true }, peers: [] };
      }),
    );
  };
  const fakes = kinds.map((kind) => ({ ...kind, status: part(kind.name) }));
  const host = {
    containers: {
      traffic: async () => new Map([['wg-warp', { received: received(time), sent: time }]]),
      exec: async (name: string, argv: readonly string[]) => void ran.push(`${name}: ${argv.join(' ')}`),
    },
  } as unknown as Host;
  const tell = (_: string, text: string): void => void said.push(text);
  const alone = async <T>(action: () => Promise<T>): Promise<T> => action();
  const one = health({ host, patience: patience(), tell, alone, now: () => time, kinds: fakes });
  return {
    ...{ said, ran, asked },
    at: async (seconds) => {
      time = seconds * 1000;
      await one.look(wanted);
    },
  };
}

test('when all is well only the tunnel that dials is asked, once a minute', async () => {
  const { asked, said, at } = bench(new Set());
  for (let second = 0; second < 120; second += 1) await at(second);
  assert.deepEqual(asked, ['tunnel warp/wg-quick@wg-warp', 'tunnel warp/wg-quick@wg-warp']);
  assert.deepEqual(said, []);
});

test('a container beside the chain that waits for its mesh is not what the chain waits for', async () => {
  const down = new Set(['mesh app', 'proxy proxy']);
  const { said, at } = bench(down, undefined, [
    ...chain,
    container('app', 104, 0),
    inside('mesh', 'app', 'netmaker-first-boot', null),
  ]);
  for (let second = 0; second < 120; second += 1) await at(second);
  assert.deepEqual(said, []);
  down.add('tunnel warp');
  for (let second = 120; second < 240; second += 1) await at(second);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /^proxy waits for/);
});

test('the hop farthest out that fails is named, once, and a tunnel that only waits for it is left alone', async () => {
  const down = new Set(['tunnel warp', 'proxy proxy']);
  const { said, ran, at } = bench(down);
  for (let second = 0; second < 120; second += 1) await at(second);
  assert.deepEqual(said, ['proxy waits for an answer for 0 s']);
  assert.deepEqual(ran, []);
  down.clear();
  await at(130);
  assert.deepEqual(said.slice(1), ['every hop carries again']);
});

test('a tunnel that is silent though its way is free is restarted, more and more rarely', async () => {
  const { said, ran, at } = bench(new Set(['tunnel warp']));
  const times: number[] = [];
  for (let second = 0; second < 600; second += 1) {
    const before = ran.length;
    await at(second);
    if (ran.length > before) times.push(second);
  }
  assert.equal(ran[0], 'warp: systemctl restart wg-quick@wg-warp.service');
  assert.deepEqual(times, [0, 15, 45, 105, 225, 465]);
  assert.match(said[1] ?? '', /^warp: wg-quick@wg-warp restarted; again in 15 s if it stays silent$/);
});

test('what is sent and not answered is noticed within seconds, and the cause is named; keepalives are no talk', async () => {
  const down = new Set<string>();
  const talk = bench(down, (time) => Math.min(time, 20_000));
  for (let second = 0; second < 34; second += 1) {
    if (second === 20) down.add('proxy proxy');
    await talk.at(second);
  }
  assert.deepEqual(talk.said, ['proxy waits for an answer for 30 s']);
  down.clear();
  await talk.at(40);
  assert.deepEqual(talk.said.slice(1), ['warp sends, and nothing comes back through its tunnel']);
});
