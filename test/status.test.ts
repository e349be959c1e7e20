// What status says: of each hop that is down by name and reason, of nothing applied, a change cut short, differences.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sealed } from '../src/core/secret.ts';
import type { Resource } from '../src/core/resource.ts';
import type { ExecResult } from '../src/drivers/exec.ts';
import type { Host } from '../src/drivers/host.ts';
import { keepApplied, keepNames } from '../src/engine/applied.ts';
import { latest, readHistory } from '../src/engine/history.ts';
import { hopsOf } from '../src/engine/hop.ts';
import { closeJournal, writeJournal } from '../src/engine/journal.ts';
import { live, type Options, type Status, status } from '../src/engine/status.ts';
import { transact } from '../src/engine/transact.ts';
import { want } from '../src/engine/want.ts';
import { OpError } from '../src/error.ts';
import type { FakeHost } from './fake-host.ts';
import { machine, type Name, stateOf, texts } from './machine.ts';

type Answers = {
  /** Seconds since WARP's last handshake; null: none yet. */
  warp: number | null;
  /** Exit status of the TLS handshake with the server. */
  server: number;
  listening: string;
  page: string;
};

const CLIENT_KEY = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=';

/** A host to which `name` has been applied, and what its programs answer; both can be changed. */
async function bench(name: Name): Promise<{ host: FakeHost; answers: Answers }> {
  const answers: Answers = {
    warp: 12,
    server: 0,
    listening:
      'tcp LISTEN 0 4096 10.0.0.102:1080 0.0.0.0:*\nudp UNCONN 0 0 10.0.0.102:12408 *:*\ntcp LISTEN 0 9 *:443 *:*',
    page: 'ip=104.28.10.10\nwarp=on',
  };
  const base = await machine();
  const exec: Host['containers']['exec'] = async (container, argv, options) => {
    const result = await base.containers.exec(container, argv, options);
    return { ...result, ...said(base, answers, container, argv) };
  };
  const host = { ...base, containers: { ...base.containers, exec } };
  const { resources, resolved } = await want(host, stateOf(name), '/golden/files');
  const path = '/etc/op-dbus/state.json';
  await host.files.write(path, texts[name]);
  const applied = { file: path, path, filesFolder: '/golden/files', text: sealed(texts[name]) };
  const kept = async (): Promise<void> => {
    await keepNames(host, resolved);
    await keepApplied(host, applied);
  };
  const entry = { applied, names: resolved };
  await transact(host, { action: 'apply FILE', wanted: resources, kept, entry, back: true }, () => {});
  return { host, answers };
}

function said(host: FakeHost, answers: Answers, container: string, argv: readonly string[]): Partial<ExecResult> {
  const [program, , device = '', what] = argv;
  if (program === 'ss') return { stdout: answers.listening };
  if (program === 'timeout') return { code: answers.server };
  if (program === 'curl') return { stdout: answers.page, stderr: answers.page === '' ? 'curl: (28) timed out' : '' };
  if (program !== 'wg') return {};
  const file = host.containers.containers.get(container)?.files.get(`/etc/wireguard/${device}.conf`);
  const keys = [...(file?.kind === 'file' ? file.content : '').matchAll(/^PublicKey = (.*)$/gm)].map(([, key]) => key);
  const time = container === 'warp-tunnel' && answers.warp !== null ? Math.round(Date.now() / 1000) - answers.warp : 0;
  return { stdout: keys.map((key) => `${key}\t${what === 'transfer' ? '92\t244' : time}`).join('\n') };
}

const options: Options = { exit: null };

/** The host while somebody holds the lock, or as `held` says. */
const busy = (host: FakeHost, held: () => Promise<boolean>): FakeHost => ({
  ...host,
  machine: { ...host.machine, held },
});
const parts = ({ hops }: Status) => hops.flatMap((hop) => hop.parts.map(({ name, up }) => [hop.name, name, up]));

test('a chain that is well is ready, told hop by hop from the clients to the exit', async () => {
  const { host } = await bench('client');
  const seen = await status(host, { ...options, exit: 3 });
  assert.deepEqual(seen.ready, { ok: true, reasons: [] });
  assert.deepEqual(seen.live, { ok: true, reasons: [] });
  assert.deepEqual(parts(seen), [
    ['wireguard-gateway', 'container', true],
    ['wireguard-gateway', 'wg0', true],
    ['warp-tunnel', 'container', true],
    ['warp-tunnel', 'wg-warp', true],
    ['xray-client', 'container', true],
    ['xray-client', 'xray', true],
  ]);
  const [entry] = await readHistory(host);
  assert.deepEqual(seen.applied, { file: '/etc/op-dbus/state.json', at: entry?.at, entry: 1, edited: false });
  assert.deepEqual(seen.drift, { differ: 0, commands: [], why: null });
  assert.deepEqual(seen.exit, { address: '104.28.10.10', why: null });
  assert.equal(seen.change, null);
  const [client] = seen.hops[0]?.parts[1]?.peers ?? [];
  assert.deepEqual(client, { key: CLIENT_KEY, handshake: null, received: 92, sent: 244 });
  const age = seen.hops[1]?.parts[1]?.peers[0]?.handshake ?? -1;
  assert.ok(age >= 12 && age < 60, `${age}`);
});

type Break = (host: FakeHost, answers: Answers) => Promise<unknown>;
const unit = (container: string, name: string): Break => {
  return (host) => host.containers.exec(container, ['systemctl', 'stop', name]);
};
const faults: readonly (readonly [string, Break, string, RegExp, number])[] = [
  ['the gateway stopped', (host) => host.containers.stop('wireguard-gateway'), 'wireguard-gateway', /^its start/, 1],
  ['WARP stopped', (host) => host.containers.stop('warp-tunnel'), 'warp-tunnel', /^its start/, 1],
  ['the proxy stopped', (host) => host.containers.stop('xray-client'), 'xray-client', /^its start/, 1],
  [
    'a container that lost its device',
    async (host) => host.containers.detached.add('xray-client'),
    'xray-client',
    /^internal_102/,
    1,
  ],
  ["the gateway's unit stopped", unit('wireguard-gateway', 'wg-quick@wg0'), 'wireguard-gateway', /^wg-quick@wg0/, 1],
  ["the proxy's unit stopped", unit('xray-client', 'xray'), 'xray-client', /^xray, which is not active/, 1],
  [
    'a tunnel that lost its device',
    async (host) => host.containers.lost.add('wireguard-gateway/wg0'),
    'wireguard-gateway',
    /^the device wg0/,
    1,
  ],
  [
    'a stale handshake',
    async (_, answers) => (answers.warp = 200),
    'warp-tunnel',
    /^a handshake with 162\.159\.192\.1:2408: the last was 3 min ago$/,
    0,
  ],
  ['no handshake', async (_, answers) => (answers.warp = null), 'warp-tunnel', /there was none yet$/, 0],
  [
    'a proxy that is deaf',
    async (_, answers) => (answers.listening = 'tcp LISTEN 0 9 10.0.0.102:1080 *:*'),
    'xray-client',
    /^xray to listen on port 12408$/,
    0,
  ],
  [
    'a server that is silent',
    async (_, answers) => (answers.server = 124),
    'xray-client',
    /^an answer from 95\.216\.30\.2:443$/,
    0,
  ],
];

for (const [what, fault, hop, waiting, differ] of faults)
  test(`${what}: that hop alone is down, with the reason, and it is not ready`, async () => {
    const { host, answers } = await bench('client');
    await fault(host, answers);
    const seen = await status(host, options);
    const down = seen.hops.filter(({ up }) => !up);
    assert.deepEqual(
      down.map(({ name }) => name),
      [hop],
    );
    assert.match(down[0]?.waiting ?? '', waiting);
    assert.equal(seen.ready.ok, false);
    assert.ok(seen.ready.reasons[0]?.startsWith(`${hop} waits for `), seen.ready.reasons.join());
    // A container that stopped takes what is in it along, but that is one difference.
    assert.equal(seen.drift?.differ, differ);
    assert.equal(seen.live.ok, true);
  });

test("the VPS's own end is asked as well, and a container of no chain comes last", async () => {
  const vps = await bench('vps');
  assert.deepEqual(parts(await status(vps.host, options)).slice(-1), [['xray-server', 'xray', true]]);
  assert.equal((await status(vps.host, { ...options, exit: 3 })).exit, null);
  vps.answers.server = 1;
  const { reasons } = (await status(vps.host, options)).ready;
  assert.deepEqual(reasons, ['xray-server waits for an answer from 10.0.0.100:443']);
  const { host } = await bench('client with a plain container');
  const names = (await status(host, options)).hops.map(({ name }) => name);
  assert.deepEqual(names, ['wireguard-gateway', 'warp-tunnel', 'xray-client', 'web-server']);
});

test('a container that is in a mesh alone is after the chain, whatever its number', () => {
  const resources: readonly Resource[] = [
    { kind: 'container', name: 'app', spec: { id: 90, order: 0 } },
    { kind: 'container', name: 'exit', spec: { id: 100, order: 0 } },
    { kind: 'mesh', name: 'app/netmaker-first-boot', spec: {} },
    { kind: 'proxy', name: 'exit/xray', spec: {} },
  ];
  const part = (hop: string) => ({ hop, name: 'x', up: true, waiting: null, facts: {}, peers: [] });
  const names = hopsOf(resources, ['app', 'app', 'exit', 'exit'].map(part)).map(({ name }) => name);
  assert.deepEqual(names, ['exit', 'app']);
});

test('a container of no chain comes last also when it has the lowest number', async () => {
  const { resources } = await want(await machine(), stateOf('client with a plain container'), '/golden/files');
  const renumbered = resources.map(({ name, spec, ...rest }) => {
    return { ...rest, name, spec: name === 'web-server' ? { ...(spec as object), id: 1 } : spec };
  });
  const parts = resources.flatMap(({ kind, name }) => {
    const part = { name: kind, up: true, waiting: null, facts: {}, peers: [] };
    return ['container', 'proxy', 'tunnel'].includes(kind) ? [{ ...part, hop: name.split('/')[0] ?? '' }] : [];
  });
  const names = hopsOf(renumbered, parts).map(({ name }) => name);
  assert.deepEqual(names, ['wireguard-gateway', 'warp-tunnel', 'xray-client', 'web-server']);
});

test('a container without the program that asks the server is no fault', async () => {
  const { host, answers } = await bench('client');
  answers.server = 127;
  const seen = await status(host, options);
  assert.equal(seen.hops[2]?.parts[1]?.facts['answers'], null);
  assert.equal(seen.ready.ok, true);
});

test('without an answer the exit is unknown, with the reason, and that is no error', async () => {
  const { host, answers } = await bench('client');
  answers.page = '';
  const seen = await status(host, { ...options, exit: 3 });
  assert.deepEqual(seen.exit, { address: null, why: 'curl: (28) timed out' });
  assert.equal(seen.ready.ok, true);
});

test('where nothing is applied that is said, and it is live and not ready', async () => {
  const host = await machine();
  const seen = await status(host, options);
  assert.equal(seen.applied, null);
  assert.equal(seen.drift, null);
  assert.deepEqual(seen.live, { ok: true, reasons: [] });
  assert.deepEqual(seen.ready, { ok: false, reasons: ['nothing has been applied on this host'] });
});

test('a change that was interrupted is neither live nor ready and says what to do; one under way is live', async () => {
  const { host } = await bench('client');
  const began = '2026-01-02T03:04:05.000Z';
  await writeJournal(host, { version: 1, action: 'apply b.json', began, checkpoint: [], entry: null });
  const mend = ['op-dbus rollback', 'op-dbus apply b.json'];
  const cut = await status(host, options);
  assert.deepEqual(cut.change, { action: 'apply b.json', began, running: false, mend });
  const reason = '"apply b.json" was interrupted: op-dbus rollback, or op-dbus apply b.json';
  assert.deepEqual(
    [cut.live, cut.ready].map(({ reasons }) => reasons),
    [[reason], [reason]],
  );
  assert.deepEqual(await live(host), cut.live);
  const under = await status(
    busy(host, async () => true),
    options,
  );
  assert.equal(under.live.ok, true);
  assert.deepEqual(under.ready, { ok: false, reasons: ['"apply b.json" is under way'] });
  assert.deepEqual(under.change?.mend, []);
  // It ends while it is looked at.
  const ended = await status(
    busy(host, () => closeJournal(host).then(() => false)),
    options,
  );
  assert.deepEqual([ended.change, ended.ready.ok], [null, true]);
});

test('what differs is counted, and the first commands are as diff prints them', async () => {
  const { host } = await bench('client');
  await host.nft.remove('op_dbus');
  const { drift, ready } = await status(host, options);
  assert.equal(drift?.differ, 1);
  assert.match(drift.commands[0] ?? '', /^nft -f /);
  assert.deepEqual(ready, { ok: false, reasons: ['1 thing differs from the file'] });
});

test('a name is never asked for: without the kept one the differences are unknown, and the hops are told', async () => {
  const { host } = await bench('client');
  await host.files.remove('/var/lib/op-dbus/names.json');
  const asked: string[] = [];
  const resolve = async (name: string) => [(asked.push(name), '192.0.2.1')];
  const seen = await status({ ...host, machine: { ...host.machine, resolve } }, options);
  assert.deepEqual(asked, []);
  assert.deepEqual(seen.drift, {
    differ: null,
    commands: [],
    why: 'no address of engage.cloudflareclient.com was kept by apply',
  });
  assert.deepEqual(seen.ready.reasons, [`what differs is not known: ${seen.drift.why}`]);
  assert.equal(seen.hops.filter(({ up }) => up).length, 3);
});

test('a key that is gone from the files folder leaves the hops told', async () => {
  const { host } = await bench('client');
  await host.files.remove('/golden/files/wireguard-gateway/etc/wireguard/private.key');
  const seen = await status(host, options);
  assert.match(seen.drift?.why ?? '', /private\.key: missing/);
  assert.equal(seen.hops.length, 3);
  assert.equal(seen.live.ok, true);
});

test('without an entry of the history the hops come from the file', async () => {
  const { host } = await bench('client');
  await host.files.write('/var/lib/op-dbus/history/000001.json', 'x');
  const seen = await status(host, options);
  assert.deepEqual([seen.applied?.at, seen.applied?.entry, seen.hops.length], [null, null, 3]);
  assert.equal(seen.ready.ok, true);
});

test('a switch that can not be looked at is not live, and the hops are told all the same', async () => {
  const { host } = await bench('client');
  const bridges = () => Promise.reject(new OpError('host', 'no such socket'));
  const blind = { ...host, ovsdb: { ...host.ovsdb, bridges } };
  const seen = await status(blind, options);
  assert.equal(seen.live.ok, false);
  assert.match(seen.faults.join(), /observing \w+: no such socket/);
  assert.deepEqual(await live(blind), seen.live);
  assert.equal(seen.drift?.differ, null);
  assert.deepEqual(seen.ready.reasons, seen.live.reasons);
  assert.equal(seen.hops.filter(({ up }) => up).length, 3);
});

test('containers that can not be asked are down, and status says so instead of failing', async () => {
  const { host } = await bench('client');
  const no = () => Promise.reject(new OpError('host', 'no such folder'));
  const seen = await status({ ...host, containers: { ...host.containers, list: no, exec: no } }, options);
  assert.deepEqual(
    seen.hops.map(({ up }) => up),
    [false, false, false],
  );
  assert.match(seen.hops[0]?.waiting ?? '', /no such folder/);
});

test('no status holds a secret', async () => {
  const { host, answers } = await bench('client');
  await host.files.write('/var/lib/op-dbus/names.json', '{}');
  answers.page = '';
  await host.containers.stop('xray-client');
  const text = JSON.stringify(await status(host, { ...options, exit: 3 }));
  const key = (await host.files.read('/golden/files/wireguard-gateway/etc/wireguard/private.key'))?.trim() ?? '';
  assert.equal(key.length, 44);
  for (const secret of [key, '11111111-2222-4333-8444-555555555555']) assert.ok(!text.includes(secret));
});

test('the newest entry of the history is found without the others', async () => {
  const { host } = await bench('none');
  assert.deepEqual(await latest(host), (await readHistory(host)).at(-1) ?? null);
  await host.files.write('/var/lib/op-dbus/history/000000.json', 'x');
  assert.equal((await latest(host))?.number, 1);
  assert.equal(await latest(await machine()), null);
});

test('forwarding that is shut since the boot is not ready, and what the daemon says is told without its log', async () => {
  const { host } = await bench('client');
  const report = { pid: 7, state: 'differs', shut: true, events: [{ at: '', level: 'info', text: 'x' }] };
  await host.files.write('/run/op-dbus/daemon.json', JSON.stringify(report));
  assert.equal((await status(host, options)).daemon, null, 'left by one that was killed');
  const seen = await status(
    busy(host, async () => true),
    options,
  );
  assert.deepEqual(seen.daemon, { pid: 7, state: 'differs', shut: true });
  assert.match(seen.ready.reasons.join(), /forwarding is shut since the boot/);
});
