// What `op-dbus test` tells of a host: each row by what was answered, and closed by design only when ping itself says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecResult } from '../src/drivers/exec.ts';
import { scriptedExec } from '../src/drivers/exec.fake.ts';
import type { Host } from '../src/drivers/host.ts';
import { parseFlow } from '../src/drivers/openflow/text.ts';
import { type Row, test as connectivity } from '../src/engine/test.ts';
import { transact } from '../src/engine/transact.ts';
import { want } from '../src/engine/want.ts';
import { OpError } from '../src/error.ts';
import { statePath } from '../src/kinds/mesh/script.ts';
import { type Given, machine, stateOf, texts } from './machine.ts';

/** Who may ping whom by the pipeline: the host everybody, and each hop the next. */
const passes = new Set(['wireguard-gateway 10.0.0.101', 'warp-tunnel 10.0.0.102']);
const answer = { code: 0, stdout: '64 bytes: icmp_seq=1 ttl=64 time=0.4 ms' };
const handshake = { code: 0, stderr: 'CONNECTION ESTABLISHED\nProtocol version: TLSv1.3' };

type Said = (from: string, argv: readonly string[]) => Partial<ExecResult> | undefined;

function well(from: string, argv: readonly string[]): Partial<ExecResult> | undefined {
  const to = argv.at(-1) ?? '';
  if (argv[0] === 'ping') return from === 'host' || passes.has(`${from} ${to}`) ? answer : { code: 1 };
  if (argv[0] === 'timeout') return handshake;
  if (argv[0] === 'curl') return { stdout: 'ip=95.216.30.2\nwarp=on' };
  if (argv[0] === 'ss') return { stdout: '*:1080 \n*:12408 \n*:443 ' };
  return undefined;
}

/** The rows of a host to which `name` was applied, whose programs say what `said` says, else that all is well. */
async function rows(name: Given, said: Said = () => undefined, spoil = async (_: Host): Promise<void> => {}) {
  const base = await machine();
  const exec: Host['containers']['exec'] = async (container, argv, options) => ({
    ...(await base.containers.exec(container, argv, options)),
    ...(said(container, argv) ?? well(container, argv)),
  });
  const script = scriptedExec((argv) => said('host', argv) ?? well('host', argv));
  const host: Host = { ...base, exec: script.exec, containers: { ...base.containers, exec } };
  const wanted = await want(host, stateOf(name), '/golden/files');
  await transact(
    host,
    { action: 'apply FILE', wanted: wanted.resources, kept: async () => {}, entry: null, back: true },
    () => {},
  );
  await spoil(host);
  return connectivity(host, wanted);
}

const failing = (all: readonly Row[]): readonly string[] => all.filter(({ ok }) => !ok).map(({ what }) => what);
const about = (all: readonly Row[], what: string): Row => {
  const found = all.find((row) => row.what === what);
  assert.ok(found, `${what}: ${all.map((row) => row.what).join('; ')}`);
  return found;
};

test('the client is tested hop by hop, backwards and past the chain, and at its end', async () => {
  const all = await rows('client');
  const pings = all.filter(({ what }) => what.startsWith('ping ')).map(({ what, expected }) => `${what}: ${expected}`);
  assert.deepEqual(pings, [
    'ping warp-tunnel (10.0.0.101) from wireguard-gateway: an answer',
    'ping xray-client (10.0.0.102) from warp-tunnel: an answer',
    'ping xray-client (10.0.0.102) from wireguard-gateway: no answer: closed by design',
    'ping wireguard-gateway (10.0.0.100) from warp-tunnel: no answer: closed by design',
    'ping the Internet (1.1.1.1) from warp-tunnel by internal_101: no answer: closed by design',
    'ping wireguard-gateway (10.0.0.100) from xray-client: no answer: closed by design',
    'ping warp-tunnel (10.0.0.101) from xray-client: no answer: closed by design',
    'ping the Internet (1.1.1.1) from xray-client by internal_102: no answer: closed by design',
  ]);
  const through = all.find(({ expected }) => expected === 'the VPS carries to the Internet');
  assert.deepEqual([through?.what, through?.ok, through?.seen], ['xray-client', true, 'the Internet sees 95.216.30.2']);
  const answers = all.filter(({ expected }) => expected === 'answers on ovsbr0').map(({ what, seen }) => [what, seen]);
  assert.deepEqual(answers[0], ['wireguard-gateway', '10.0.0.100 in 0.4 ms']);
  assert.equal(answers.length, 3);
  assert.equal(about(all, 'bridge ovsbr0').ok, true);
  assert.equal(about(all, 'flows of ovsbr0').seen, about(all, 'flows of ovsbr0').expected);
  assert.ok(all.every(({ ok, hint }) => ok === (hint === null)));
  assert.ok(all.every(({ what, expected }) => what !== '' && expected !== ''));
});

test('a way that is open though it should be closed is a failure, and so is one that could not be asked', async () => {
  const back = 'ping wireguard-gateway (10.0.0.100) from warp-tunnel';
  const leak = await rows('client', (from, argv) =>
    from === 'warp-tunnel' && argv.at(-1) === '10.0.0.100' ? answer : undefined,
  );
  assert.ok(failing(leak).includes(back));
  assert.match(about(leak, back).hint ?? '', /op-dbus trace --from warp-tunnel --to 10\.0\.0\.100 --icmp/);
  const silent = await rows('client', (from, argv) => {
    if (argv[0] === 'ping' && from !== 'host') throw new OpError('host', 'ping: not installed');
    return undefined;
  });
  assert.equal(about(silent, back).ok, false);
  assert.match(about(silent, back).seen, /^not asked: ping: not installed$/);
});

/** Whoever has joined is not waited for. */
async function joined(host: Host): Promise<void> {
  const state = JSON.stringify({ state: 'joined', address: '10.10.0.2/16', reason: '' });
  for (const name of ['app-server', 'build-server'])
    await host.containers.write(name, statePath, state, { mode: 0o644, uid: 0, gid: 0 });
}

test('between general containers a ping is closed by design, unless a flow of the file may carry it', async () => {
  const general = texts['client with general containers'];
  const [closed, to] = ['no answer: closed by design', 'from web-server'];
  const pings = async (text: string): Promise<readonly string[]> => {
    const all = await rows({ text }, undefined, joined);
    return all.flatMap(({ what, expected }) => (what.endsWith(to) && expected === closed ? [what] : []));
  };
  const byTcp = await pings(general);
  assert.ok(
    byTcp.some((what) => what.includes('(10.0.0.106)')),
    byTcp.join('; '),
  );
  const tcp = /"tcp": "",(\s*"nw_dst": "10\.0\.0\.106"),\s*"tp_dst": 5432/;
  assert.match(general, tcp);
  for (const by of ['"icmp": "",$1', '"ip": "",$1']) {
    const open = await pings(general.replace(tcp, by));
    assert.deepEqual(
      open,
      byTcp.filter((what) => !what.includes('(10.0.0.106)')),
    );
  }
});

test('the VPS is tested by TLS from the host over the bridge', async () => {
  const what = 'TLS to xray-server (10.0.0.100:443) from the host';
  assert.deepEqual(about(await rows('vps'), what).seen, 'TLSv1.3');
  const down = await rows('vps', (_, argv) =>
    argv[0] === 'timeout' ? { code: 1, stderr: 'connect:errno=111' } : undefined,
  );
  assert.deepEqual(
    failing(down).filter((one) => one.startsWith('TLS')),
    [what],
  );
  assert.equal(about(down, what).seen, 'connect:errno=111');
  // Cut off after the server's first words.
  const late = await rows('vps', (_, argv) => (argv[0] === 'timeout' ? { ...handshake, code: 124 } : undefined));
  assert.equal(about(late, what).ok, false);
});

test('without containers the bridge and its flows are tested, and a flow that is gone is missed', async () => {
  const all = await rows('none');
  assert.deepEqual(failing(all), []);
  assert.deepEqual(
    all.map(({ what }) => what),
    ['bridge ovsbr0', 'flows of ovsbr0', 'the host'],
  );
  const more = await rows('none', undefined, async (host) => {
    await host.openflow.bundle('ovsbr0', [parseFlow('cookie=0x9, priority=65535 actions=NORMAL')], []);
  });
  assert.deepEqual(failing(more), ['flows of ovsbr0', 'the host']);
  assert.match(about(more, 'flows of ovsbr0').seen, /^\d+ and 1 others$/);
  const less = await rows('none', undefined, async (host) => {
    await host.ovsdb.transact([{ op: 'delete-bridge', name: 'ovsbr0' }], 'gone');
  });
  assert.deepEqual(failing(less), ['bridge ovsbr0', 'flows of ovsbr0', 'the host']);
  assert.equal(about(less, 'bridge ovsbr0').seen, 'missing');
});
