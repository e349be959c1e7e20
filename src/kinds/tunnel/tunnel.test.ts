// A tunnel that lost its device, peers that nobody wrote down, routes that lead elsewhere: against a host in memory.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { difference } from '../../core/plan.ts';
import { parse } from '../../core/state/parse.ts';
import { topology } from '../../core/topology/build.ts';
import type { Resource } from '../../core/resource.ts';
import type { Facts } from '../../core/topology.ts';
import { type FakeContainers, fakeContainers, type Script } from '../../drivers/container/fake.ts';
import { definition } from '../../drivers/container/sample.ts';
import { fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { fakeSecrets } from '../../drivers/secret/fake.ts';
import { entering } from '../entering.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { check } from './check.ts';
import { expand } from './expand.ts';
import { tunnel } from './index.ts';
import { samples } from './samples.ts';

type Bench = { readonly host: Host; readonly containers: FakeContainers };

async function bench(script: Script, active: Set<string> = new Set()): Promise<Bench> {
  const containers = fakeContainers(script, active);
  await containers.prepare('debian-12', () => {});
  await containers.create('wireguard-gateway', definition(100));
  await containers.start('wireguard-gateway');
  return { containers, host: { containers, secrets: fakeSecrets(fakeFiles()) } as unknown as Host };
}

test('a unit whose device is gone is not active, and is restarted', async () => {
  const active = new Set<string>();
  const { host, containers } = await bench((name, [program, verb, unit]) => {
    if (program === 'systemctl' && verb === 'restart') active.add(`${name}/${unit}`);
    return { code: 0, stdout: '', stderr: '' };
  }, active);
  const wanted = samples[1] ?? [];
  const changes = async () => difference(await tunnel.observe(host), wanted);
  await tunnel.apply(host, (await changes()) as never, () => {});
  assert.deepEqual(await changes(), []);
  containers.lost.add('wireguard-gateway/wg0');
  const [found] = await tunnel.observe(host);
  assert.equal(found?.spec.active, false);
  const drift = await changes();
  const again = 'op-dbus exec wireguard-gateway -- systemctl restart wg-quick@wg0';
  assert.deepEqual(drift.map((change) => tunnel.render(change as never)).flat(), [again]);
  containers.ran.splice(0);
  await tunnel.apply(host, drift as never, () => {});
  assert.ok(containers.ran.some(({ argv }) => argv.join(' ') === 'systemctl restart wg-quick@wg0'));
});

const bare = samples[1]?.[0] as Resource<Inside>;

test('packets that leave otherwise than wanted are drift, and are put right without a restart', async () => {
  const active = new Set<string>();
  const { host, containers } = await bench((name, [program, verb, unit]) => {
    if (program === 'systemctl' && (verb === 'restart' || verb === 'enable')) active.add(`${name}/${unit}`);
    return { code: 0, stdout: '', stderr: '' };
  }, active);
  const leaves = { wg0: { sizes: [1280], single: true }, internal_100: { sizes: [], single: true } };
  const wanted = [{ ...bare, spec: { ...bare.spec, leaves } }];
  const changes = async () => difference(await tunnel.observe(host), wanted);
  const mend = async (): Promise<readonly string[]> => {
    const drift = await changes();
    containers.ran.splice(0);
    await tunnel.apply(host, drift as never, () => {});
    assert.deepEqual(await changes(), []);
    return drift.flatMap((change) => tunnel.render(change as never));
  };
  await mend();
  assert.deepEqual(containers.leavings.get('wireguard-gateway/wg0'), leaves.wg0);
  containers.leavings.delete('wireguard-gateway/internal_100');
  assert.deepEqual(await mend(), [`${entering('wireguard-gateway')}ip link set dev internal_100 gso_max_segs 1`]);
  assert.ok(!containers.ran.some(({ argv }) => argv[0] === 'systemctl'));
  // A unit that makes its device anew takes the filters with it.
  containers.lost.add('wireguard-gateway/wg0');
  const drift = await changes();
  containers.lost.clear();
  await tunnel.apply(host, drift as never, () => {});
  assert.ok(containers.ran.some(({ argv }) => argv.join(' ') === 'systemctl restart wg-quick@wg0'));
  assert.deepEqual(await changes(), []);
  // No longer wanted, all of it goes again.
  await tunnel.apply(host, difference(await tunnel.observe(host), [bare]) as never, () => {});
  for (const device of Object.keys(leaves))
    assert.deepEqual(containers.leavings.get(`wireguard-gateway/${device}`), { sizes: [], single: false });
});

const text = '[Interface]\nAddress = 10.99.0.1/24\n\n[Peer]\nPublicKey = KNOWNKEY=\nAllowedIPs = 10.99.0.0/24\n';

/** The checks of a gateway by their names; `shown` is what wg says, `routes` what ip says. */
async function checked(shown: string, routes: (line: string) => string): Promise<ReadonlyMap<string, Check>> {
  const { host } = await bench((_, [program], { stdin = '' }) => {
    const stdout = program === 'ip' ? stdin.trim().split('\n').map(routes).join('\n') : shown;
    return { code: 0, stdout, stderr: '' };
  });
  const [sample] = samples[1] ?? [];
  const files = { '/etc/wireguard/wg0.conf': { mode: 0o600, text } };
  const wanted = { ...(sample as Resource<Inside>), spec: { ...(sample as Resource<Inside>).spec, files } };
  const checks = await check(host, [wanted]);
  return new Map(checks.map((one) => [/way between|peers|listens/.exec(one.name)?.[0].split(' ')[0] ?? '', one]));
}

const right = (line: string): string => {
  const [, to, from, iif] = /^route get (\S+) from (\S+) iif (\S+)$/.exec(line) ?? [];
  return `${to} from ${from} ${iif === 'wg0' ? 'via 10.0.0.1 dev internal_100' : 'dev wg0'} \\    cache iif ${iif} `;
};
const known = 'KNOWNKEY=\t10.99.0.0/24\n';

test('a gateway with the peers of its file and its routes is well', async () => {
  for (const [name, { ok, detail }] of await checked(known, right)) assert.ok(ok, `${name}: ${detail}`);
});

test('a peer that is in no file, another address and a missing peer are told, with the key cut short and what mends it', async () => {
  const extra = (await checked(`${known}STRANGERKEY=\t10.99.0.9/32\n`, right)).get('peers');
  assert.equal(extra?.ok, false);
  assert.match(extra.detail, /peer STRANGER… \(10\.99\.0\.9\/32\) is not in the file/);
  assert.match(extra.detail, /mend: op-dbus exec wireguard-gateway -- systemctl reload wg-quick@wg0/);
  const other = (await checked('KNOWNKEY=\t10.99.0.8/32\n', right)).get('peers');
  assert.match(other?.detail ?? '', /has 10\.99\.0\.8\/32 instead of 10\.99\.0\.0\/24/);
  assert.match((await checked('', right)).get('peers')?.detail ?? '', /peer KNOWNKEY… is missing/);
});

test('each of the questions to the kernel must be answered by the right way', async () => {
  const lost = (await checked(known, (line) => (line.includes('iif wg0') ? '' : right(line)))).get('way');
  assert.equal(lost?.ok, false);
  assert.match(lost.detail, /ip -4 route replace default via 10\.0\.0\.1 dev internal_100/);
  const questions = ['1.1.1.1 from', '198.41.0.4 from', 'from 1.1.1.1', 'from 198.41.0.4'];
  for (const part of questions) {
    const elsewhere = (line: string): string =>
      line.includes(part) ? right(line).replace(/(via \S+ )?dev \S+/, 'dev eth9') : right(line);
    const way = (await checked(known, elsewhere)).get('way');
    assert.equal(way?.ok, false, part);
    assert.match(way.detail, /it leaves dev eth9/);
  }
});

test("WARP's file makes no default route but by a rule of its own, and asks no switch for a port, whatever the state says", () => {
  const state = parse(readFileSync('test/golden/privacy-client/state.json', 'utf8'));
  assert.ok('state' in state);
  const quick = state.state.lxc.containers.find(({ config }) => config['wg-quick'])?.config['wg-quick'];
  assert.match(quick?.post_up ?? '', /ovs-vsctl/);
  const known = { 'engage.cloudflareclient.com': ['162.159.192.1'], '95.216.30.2': ['95.216.30.2'] };
  const wanted = expand(topology(state.state, known), { files: {} } as unknown as Facts);
  const file = wanted.find(({ spec }) => spec.reload === null)?.spec.files['/etc/wireguard/wg-warp.conf']?.text ?? '';
  assert.match(file, /^Table = off$/m);
  assert.match(file, /^PostUp = .*ip -4 rule add not fwmark 51820 table 51820 priority 32001$/m);
  assert.doesNotMatch(file, /ovs|^DNS/m);
});
