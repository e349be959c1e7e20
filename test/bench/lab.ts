// `npm run bench`: the figures of the lab, medians of at least five, each beside its peer in the same run.
// Peers: the direct path for the chain; `ovs-vsctl show` + `lxc-ls -f` + `nft list ruleset` for a no-change apply, since
// that is what a person runs to look at the same things.

import { performance } from 'node:perf_hooks';
import { inHost, labDown, opDbus } from '../lab/cli.ts';

const rounds = 5;
const target = '151.101.50.10';
const file = '/etc/op-dbus/state.json';

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function times(action: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round++) values.push(await action());
  return median(values);
}

/** Seconds of wall time. */
async function clock(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await action();
  return (performance.now() - started) / 1000;
}

/** A shell line inside home that prints the seconds its command took, so that entering the host does not count. */
async function timed(command: string): Promise<number> {
  const script = `s=$(date +%s%N); { ${command}; } >/dev/null || exit 1; e=$(date +%s%N); echo $(( (e - s) / 1000 ))`;
  const { code, stdout, stderr } = await inHost('home', ['sh', '-c', script]);
  if (code !== 0) throw new Error(`${command}: ${stderr}`);
  return Number(stdout) / 1e6;
}

async function ping(host: string): Promise<number> {
  const { stdout } = await inHost(host, ['ping', '-n', '-c', '21', '-i', '0.05', target]);
  return median([...stdout.matchAll(/time=([0-9.]+)/g)].map((match) => Number(match[1])));
}

/** Mbit/s of one download. */
async function download(host: string, bytes: number): Promise<number> {
  const { stdout } = await inHost(host, [
    'curl',
    '-s',
    '-o',
    '/dev/null',
    '-w',
    '%{speed_download}',
    `http://${target}/bytes/${bytes}`,
  ]);
  return (Number(stdout) * 8) / 1e6;
}

function say(what: string, ours: number, peer: number, unit: string, name: string): void {
  console.log(
    `${what}: ${ours.toFixed(3)} ${unit}; ${name}: ${peer.toFixed(3)} ${unit}; ratio ${(ours / peer).toFixed(2)}`,
  );
}

try {
  const up = await times(() =>
    clock(async () => {
      const { code, stderr } = await opDbus(['lab', 'up']);
      if (code !== 0) throw new Error(stderr);
    }),
  );
  console.log(`lab up, template cached: ${up.toFixed(1)} s`);
  await ping('client');
  const apply: number[] = [];
  const looking: number[] = [];
  for (let round = 0; round < 9; round++) {
    apply.push(await timed(`op-dbus apply ${file}`));
    looking.push(await timed('ovs-vsctl show; ovs-ofctl dump-flows ovsbr0; lxc-ls -f; nft list ruleset'));
  }
  say('apply without a change', median(apply), median(looking), 's', 'ovs-vsctl, ovs-ofctl, lxc-ls, nft');
  console.log(`op-dbus --version: ${(await times(() => timed('op-dbus --version'))).toFixed(3)} s`);
  say('ping through the chain', await times(() => ping('client')), await times(() => ping('home')), 'ms', 'direct');
  const chain = await times(() => download('client', 40_000_000));
  say('download through the chain', chain, await times(() => download('home', 400_000_000)), 'Mbit/s', 'direct');
} finally {
  await labDown();
}
