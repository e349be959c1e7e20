// Two lab hosts, a container on each in one Netmaker mesh: they reach each other by it and not by the bridge; the token is gone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { lxcContainers } from '../../src/drivers/container/client.ts';
import { type ExecResult } from '../../src/drivers/exec.ts';
import { source } from '../../src/drivers/source.ts';
import { daemon, writeInside } from '../../src/lab/host.ts';
import { up } from '../../src/lab/lab.ts';
import { inHost, labDown, okIn } from './cli.ts';

const file = '/etc/op-dbus/state.json';
const tokenFile = '/etc/op-dbus/netmaker.env';
const server = 'netmaker.target.example.net:8443';
const value = 'GHK3XKPLXHDQDLKMLDFAAEFDXY';
const token = Buffer.from(JSON.stringify({ server, value })).toString('base64');

/** The hosts, each with a container that is in the mesh. */
const ends = [
  { host: 'home', name: 'app-server', id: 104 },
  { host: 'vps', name: 'database-server', id: 105 },
] as const;

/** The specification's own container, and one in its short form beside it. */
function state(name: string, id: number, type: string, ...more: readonly object[]): string {
  const network = { bridge: 'mesh', veth: true, ipv4: `10.1.0.${id}/24` };
  const properties = { network_type: type, template: 'debian-netmaker' };
  const container = { id, name, template: 'debian-12', autostart: true, network, properties };
  return JSON.stringify({ version: 1, plugins: { lxc: { containers: [container, ...more] } } });
}
const neighbour = {
  id: 106,
  name: 'web-server',
  properties: { network_type: 'netmaker', template: 'debian-netmaker' },
};

/** A command of ours, with netclient on PATH, where it is for everybody to pass through to and to read. */
function opDbus(host: string, ...argv: string[]): Promise<ExecResult> {
  return inHost(host, ['sh', '-c', 'PATH=/run/stand-in:$PATH; exec op-dbus "$@"', 'sh', ...argv]);
}

async function ok(host: string, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await opDbus(host, ...argv);
  assert.equal(code, 0, `${host}: ${argv.join(' ')}: ${stderr}\n${stdout}`);
  return stdout;
}

type Part = { readonly name: string; readonly up: boolean; readonly waiting: string | null; readonly address?: string };

async function mesh(host: string): Promise<Part> {
  const shown = JSON.parse(await ok(host, 'status', '--no-exit', '--json')) as {
    readonly hops: readonly { readonly parts: readonly Part[] }[];
  };
  const found = shown.hops.flatMap(({ parts }) => parts).find(({ name }) => name === 'netmaker');
  assert.ok(found, JSON.stringify(shown));
  return found;
}

/** The address without its prefix, once it has joined. */
async function joined(host: string): Promise<string> {
  let last: Part | null = null;
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(500)) {
    last = await mesh(host);
    if (last.up) return last.address?.split('/')[0] ?? '';
  }
  return assert.fail(`${host}: ${last?.waiting}`);
}

const within = (host: string, name: string, ...argv: string[]) => opDbus(host, 'exec', name, '--', ...argv);
const asked = (): Promise<string> =>
  okIn('target', 'curl', '-sS', '--resolve', `${server}:127.0.0.1`, `https://${server}/stand-in`);

before(async () => {
  await lxcContainers().prepare('debian-netmaker', () => {});
  await up({ progress: () => {} });
  for (const { host, name, id } of ends) {
    await okIn(host, 'mkdir', '-p', '/run/stand-in');
    await writeInside(host, file, state(name, id, 'netmaker'), 0o600);
  }
});
after(labDown);

test('without netclient or a token, and with a token that others can read, nothing is made', async () => {
  const { code, stderr } = await opDbus('home', 'apply', file);
  assert.equal(code === 0, false);
  assert.match(stderr, /netclient is not installed, and app-server is to join/);
  assert.match(stderr, /\/etc\/op-dbus\/netmaker\.env: missing/);
  for (const { host } of ends) {
    await writeInside(host, '/run/stand-in/netclient', readFileSync(source('test/netmaker/netclient'), 'utf8'), 0o755);
    await writeInside(host, tokenFile, `NETMAKER_TOKEN="${token}"\n`, 0o644);
  }
  const readable = await opDbus('home', 'apply', file);
  assert.match(readable.stderr, /netmaker\.env: others can read this token/);
  assert.equal(await okIn('home', 'lxc-ls'), '');
  assert.equal(await okIn('home', 'ovs-vsctl', 'list-br'), '');
  for (const { host } of ends) await okIn(host, 'chmod', '600', tokenFile);
});

test('apply does not wait for a server that is down; the token is inside for root alone, and status tells why it waits', async () => {
  for (const { host, name } of ends) {
    const said = await ok(host, 'apply', file);
    assert.ok(!said.includes(token));
    const { stdout } = await within(host, name, 'stat', '-c', '%a %u %g', '/etc/netmaker.env');
    assert.equal(stdout, '600 0 0');
  }
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(500))
    if (/exit status 0/.test((await mesh('home')).waiting ?? '')) break;
  const { waiting } = await mesh('home');
  assert.match(waiting ?? '', /^the mesh: netclient join \(exit status 0\): .*register\/\.\.\.: curl: \(7\)/);
  assert.equal((await opDbus('home', 'status', '--check', 'ready')).code, 1);
});

test('once the server is there both join by themselves, and status shows the address that the mesh gave', async () => {
  const own = ['/etc/lab/server.pem', '/etc/lab/server.key', '8443', value];
  await daemon('target', 'netmaker.log', [process.execPath, source('test/netmaker/server.ts'), ...own]);
  const addresses = await Promise.all(ends.map(({ host }) => joined(host)));
  assert.deepEqual(addresses.toSorted(), ['10.10.0.2', '10.10.0.3']);
  for (const [index, { host }] of ends.entries()) {
    assert.match(await ok(host, 'status', '--no-exit'), new RegExp(`netmaker ${addresses[index]}/16 +up`));
    assert.equal((await opDbus(host, 'status', '--check', 'ready')).stdout, 'ready');
    await ok(host, 'verify', file);
  }
  assert.equal(await asked(), 'hosts 2\nregistrations 2');
});

test('they reach each other by the mesh and not by the bridge', async () => {
  const [there, here] = await Promise.all([joined('vps'), joined('home')]);
  const ping = (host: string, name: string, to: string) =>
    within(host, name, 'ping', '-c', '3', '-i', '0.5', '-W', '5', to);
  const first = await ping('home', 'app-server', there);
  assert.equal(first.code, 0, first.stdout);
  assert.equal((await ping('vps', 'database-server', here)).code, 0);
  const route = await within('home', 'app-server', 'ip', '-4', 'route', 'get', there);
  assert.match(route.stdout, /dev netmaker/);
  assert.notEqual((await ping('home', 'app-server', '10.1.0.105')).code, 0);
  const { stdout } = await within('home', 'app-server', 'wg', 'show', 'netmaker', 'endpoints');
  assert.match(stdout, /95\.216\.30\.2:51926$/m);
});

test('after the join the token is in no file but the host’s own two, in no log, argument, plan or history', async () => {
  for (const { host, name } of ends) {
    assert.notEqual((await within(host, name, 'test', '-e', '/etc/netmaker.env')).code, 0);
    // Of /root and /tmp, which are the machine's below, what the host has written; /etc and /var/lib are in /run/lab again.
    const folders = ['/etc', '/var/lib/op-dbus', '/var/lib/lxc', '/var/log', '/run/lab/root', '/run/lab/tmp'];
    const search = 'grep -rlF -f /run/token --devices=skip';
    const script = `cat >/run/token; ${search} ${folders.join(' ')}; ${search} --exclude-dir=lab --exclude=token /run; true`;
    const found = await inHost(host, ['sh', '-c', script], `${token}\n${value}\n`);
    const files = found.stdout.split('\n').toSorted();
    assert.match(files.join(' '), /^\/etc\/op-dbus\/netmaker\.env \/var\/lib\/op-dbus\/secret\/[0-9a-f]{16}$/);
    for (const argv of [['diff', file, '--json'], ['history'], ['status', '--json', '--no-exit']])
      assert.ok(!(await opDbus(host, ...argv)).stdout.includes(token.slice(0, 24)), argv.join(' '));
    const journal = await within(host, name, 'journalctl', '--no-pager', '-o', 'cat');
    assert.match(journal.stdout, /joined 10\.10\.0\.\d/);
    assert.ok(!journal.stdout.includes(token.slice(0, 24)));
    const running = await inHost(host, ['sh', '-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"']);
    assert.match(running.stdout, /netclient\ndaemon/);
    assert.ok(!running.stdout.includes(token.slice(0, 24)));
    const { stdout } = await opDbus(host, 'apply', file);
    assert.match(stdout, /^Nothing to change/);
  }
});

test('a container that starts anew is in the mesh by the same address, without another registration', async () => {
  const before = await joined('home');
  await okIn('home', 'lxc-stop', '-n', 'app-server');
  await ok('home', 'apply', file);
  assert.equal(await joined('home'), before);
  assert.equal(await asked(), 'hosts 2\nregistrations 2');
});

test('another token is taken without joining anew, and goes as the first did', async () => {
  const other = Buffer.from(JSON.stringify({ server, value: 'another' })).toString('base64');
  await writeInside('home', tokenFile, `NETMAKER_TOKEN="${other}"\n`, 0o600);
  const { stdout } = await opDbus('home', 'apply', file);
  assert.match(stdout, /tee \/etc\/netmaker\.env/);
  await joined('home');
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(200))
    if ((await within('home', 'app-server', 'test', '-e', '/etc/netmaker.env')).code !== 0) break;
  assert.notEqual((await within('home', 'app-server', 'test', '-e', '/etc/netmaker.env')).code, 0);
  assert.match((await opDbus('home', 'apply', file)).stdout, /^Nothing to change/);
  assert.equal(await asked(), 'hosts 2\nregistrations 2');
});

test('two containers of one host, each by choice in the mesh, reach each other by it', async () => {
  await writeInside('home', tokenFile, `NETMAKER_TOKEN="${token}"\n`, 0o600);
  await writeInside('home', file, state('app-server', 104, 'netmaker', neighbour), 0o600);
  await ok('home', 'apply', file);
  const end = Date.now() + 60_000;
  const beside = async () =>
    (await within('home', 'web-server', 'ip', '-4', '-o', 'address', 'show', 'netmaker')).stdout;
  while (!(await beside()).includes('10.10.0.') && Date.now() < end) await sleep(500);
  const to = / (10\.10\.0\.\d)\/16 /.exec(await beside())?.[1] ?? 'none';
  for (const [host, name] of [
    ['home', 'app-server'],
    ['vps', 'database-server'],
  ] as const)
    assert.equal((await within(host, name, 'ping', '-c', '3', '-i', '0.5', '-W', '9', to)).code, 0, `${name} to ${to}`);
  const { stdout } = await within('home', 'app-server', 'wg', 'show', 'netmaker', 'endpoints');
  assert.match(stdout, /10\.1\.0\.106:51927/);
  assert.equal(await asked(), 'hosts 3\nregistrations 3');
});

test('a container that is to be in no mesh leaves it, and keeps no identity', async () => {
  await writeInside('home', file, state('app-server', 104, 'bridge', neighbour), 0o600);
  await ok('home', 'apply', file);
  assert.equal(await asked(), 'hosts 2\nregistrations 3');
  for (const path of ['/etc/netclient', '/var/lib/netmaker-first-boot', '/sys/class/net/netmaker'])
    assert.notEqual((await within('home', 'app-server', 'test', '-e', path)).code, 0, path);
});
