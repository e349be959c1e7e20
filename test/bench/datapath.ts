// `npm run bench -- datapath`: what our flows cost. Transit from container 100 to 101 over the userspace datapath, on a
// private host, through levels 0 and 1 of the client's pipeline and through a lone NORMAL flow, in turns; medians of seven.
// iperf3 for throughput, ping in a row for latency (apt install iperf3).

import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { client } from '../../src/core/topology/fixture.ts';
import type { Facts } from '../../src/core/topology.ts';
import { isPrivate, privateHost, runPrivately } from '../../src/drivers/container/testing.ts';
import { controlSocket } from '../../src/drivers/control/client.ts';
import { exec, run } from '../../src/drivers/exec.ts';
import type { Host } from '../../src/drivers/host.ts';
import { openFlow } from '../../src/drivers/openflow/client.ts';
import { connectOvsdb } from '../../src/drivers/ovsdb/client.ts';
import { flow } from '../../src/kinds/flow/index.ts';

const rounds = 7;
const stranger = '198.51.100.9';
if (isPrivate()) await bench();
else process.exitCode = await runPrivately(import.meta.url);

type Space = { readonly child: ChildProcess; readonly pid: number };

async function bench(): Promise<void> {
  const host = await privateHost();
  const [from, to] = [await space(100), await space(101)];
  await addPort('internal_102', 32870);
  // What 101 answers for is not its own address: transit, as in the chain.
  await within(to, 'ip', 'address', 'add', `${stranger}/32`, 'dev', 'lo');
  const server = spawn('nsenter', [`--net=/proc/${to.pid}/ns/net`, 'iperf3', '-s', '-B', stranger], {
    stdio: 'ignore',
  });
  await sleep(500);
  const ways = ['NORMAL', 'level 0', 'level 1'] as const;
  const seen = new Map(ways.map((way) => [way, { mbits: [] as number[], ms: [] as number[] }]));
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const way of ways) {
        await steer(way);
        await within(from, 'ping', '-c', '1', '-W', '2', way === 'NORMAL' ? '10.0.0.101' : stranger).catch(() => '');
        const figures = seen.get(way);
        figures?.mbits.push(await throughput(from));
        figures?.ms.push(await latency(from));
      }
  } finally {
    for (const child of [server, from.child, to.child]) child.kill('SIGKILL');
    await host.stop();
  }
  const base = seen.get('NORMAL');
  console.log('| flows | Mbit/s | to NORMAL | round trip, ms | to NORMAL |\n| --- | --- | --- | --- | --- |');
  for (const [way, { mbits, ms }] of seen) {
    const [speed, time] = [median(mbits), median(ms)];
    const ratio = (value: number, of: readonly number[] | undefined): string => (value / median(of ?? [])).toFixed(2);
    console.log(
      `| ${way} | ${speed.toFixed(0)} | ${ratio(speed, base?.mbits)} | ${time.toFixed(3)} | ${ratio(time, base?.ms)} |`,
    );
  }
}

/** A network namespace with the container's port, as the container would have it. */
async function space(id: 100 | 101): Promise<Space> {
  const child = spawn('unshare', ['--net', 'sleep', '3600'], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  await sleep(200);
  const made: Space = { child, pid };
  const member = client.members.find((one) => one.id === id);
  if (member === undefined) throw new TypeError(`${id}`);
  const { device, ofport } = member.port;
  await addPort(device, ofport);
  await run(exec, ['ip', 'link', 'set', device, 'netns', `${pid}`]);
  const lines = [
    'link set lo up',
    `link set ${device} address ${member.mac}`,
    `address add ${member.address.ip}/24 dev ${device}`,
    `link set ${device} up`,
    'route add default via 10.0.0.1',
    // Whatever flows there are, the frame is addressed to the one who gets it.
    `neigh replace 10.0.0.1 lladdr 02:0a:00:01:00:${id === 100 ? '65' : '64'} dev ${device}`,
    `neigh replace 10.0.0.${id === 100 ? 101 : 100} lladdr 02:0a:00:01:00:${id === 100 ? '65' : '64'} dev ${device}`,
  ];
  for (const line of lines) await within(made, 'ip', ...line.split(' '));
  return made;
}

async function addPort(device: string, ofport: number): Promise<void> {
  const row = ['add-port', 'ovsbr0', device, '--', 'set', 'Interface', device];
  await run(exec, ['ovs-vsctl', ...row, 'type=internal', `ofport_request=${ofport}`]);
}

function within({ pid }: Space, ...argv: readonly string[]): Promise<string> {
  return run(exec, ['nsenter', `--net=/proc/${pid}/ns/net`, ...argv], { deadline: 60_000 });
}

async function steer(way: 'NORMAL' | 'level 0' | 'level 1'): Promise<void> {
  await run(exec, ['ovs-ofctl', 'del-flows', 'ovsbr0']);
  if (way === 'NORMAL') return void (await run(exec, ['ovs-ofctl', 'add-flow', 'ovsbr0', 'actions=NORMAL']));
  const ovsdb = connectOvsdb('/run/openvswitch/db.sock');
  const control = controlSocket('/run/openvswitch');
  const host = { ovsdb, openflow: openFlow('/run/openvswitch', control), control } as unknown as Host;
  const level = way === 'level 0' ? 0 : 1;
  // Pings in a row are more than the limit lets through, so pings alone are not limited here; all else is as it is.
  for (const { name, spec } of flow.expand({ ...client, level }, {} as Facts)) {
    const flows = spec.flows.filter((line) => !line.startsWith('cookie=0xdead0020,'));
    await flow.apply(host, [{ kind: 'flow', name, before: null, after: { ...spec, flows } }], () => {});
  }
  await ovsdb.close();
}

async function throughput(from: Space): Promise<number> {
  const text = await within(from, 'iperf3', '-c', stranger, '-t', '3', '-J');
  const { end } = JSON.parse(text) as { readonly end: { readonly sum_received: { readonly bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e6;
}

async function latency(from: Space): Promise<number> {
  const text = await within(from, 'ping', '-q', '-A', '-c', '1000', stranger);
  return Number(/= [\d.]+\/([\d.]+)\//.exec(text)?.[1]);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
