// op-dbus status on a real host: a healthy chain, a hop that is down, a change cut short, nothing applied.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inHost, labDown, labUp } from './cli.ts';

before(labUp);
after(labDown);

const file = '/etc/op-dbus/state.json';
const home = (...argv: string[]) => inHost('home', argv);
const ready = () => home('op-dbus', 'status', '--check', 'ready');

type Hop = { readonly name: string; readonly up: boolean };
type Shown = {
  readonly version: number;
  readonly hops: readonly Hop[];
  readonly exit: { readonly address: string | null; readonly why: string | null } | null;
  readonly drift: { readonly differ: number } | null;
};

async function shown(...more: string[]): Promise<Shown> {
  return JSON.parse((await home('op-dbus', 'status', '--json', ...more)).stdout) as Shown;
}

const down = ({ hops }: Shown) => hops.filter(({ up }) => !up).map(({ name }) => name);

/** Puts all as the file says; WARP's handshake may take one more try, 5 s later. */
async function mend(): Promise<void> {
  const { code, stderr } = await home('op-dbus', 'apply', file);
  assert.equal(code, 0, stderr);
  let said = '';
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const { code: no, stdout } = await ready();
    if (no === 0) return;
    said = stdout;
  }
  assert.fail(said);
}

test('the WARP tunnel is told with its handshake, and Cloudflare is asked through it, by --ask alone', async () => {
  await mend();
  const quiet = await home('op-dbus', 'warp', 'status');
  assert.match(quiet.stdout, /^✓ tunnel {3}warp-tunnel: wg-warp, 10\.99\.1\.2\/32, last handshake \d+ \w+ ago$/m);
  assert.match(quiet.stdout, /^ {2}warp {5}not asked/m);
  const asked = await home('op-dbus', 'warp', 'status', '--ask');
  assert.equal(asked.code, 0, asked.stdout);
  assert.match(asked.stdout, /^✓ warp {5}warp=on, the Internet sees 104\.28\.10\.10$/m);
});

test('a healthy chain is ready on both ends, with the address that the Internet sees', async () => {
  await mend();
  assert.deepEqual(await ready(), { code: 0, stdout: 'ready', stderr: '' });
  assert.deepEqual(await inHost('vps', ['op-dbus', 'status', '--check', 'ready']), {
    code: 0,
    stdout: 'ready',
    stderr: '',
  });
  const seen = await shown();
  assert.equal(seen.version, 1);
  assert.deepEqual(
    seen.hops.map(({ name }) => name),
    ['wireguard-gateway', 'warp-tunnel', 'xray-client'],
  );
  assert.deepEqual(down(seen), []);
  assert.deepEqual(seen.exit, { address: '104.28.10.10', why: null });
  const { code, stdout } = await home('op-dbus', 'status');
  assert.equal(code, 0);
  assert.match(stdout, /^✓ ready\n {2}applied {2}\/etc\/op-dbus\/state\.json, \d+ \w+ ago/);
  assert.match(stdout, /wg-warp +up +\d+ s +[\d.]+ \w+ +[\d.]+ \w+/);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
});

test('a proxy that is stopped inside is named, and without it the exit is unknown in time', async () => {
  await home('op-dbus', 'exec', 'xray-client', '--', 'systemctl', 'stop', 'xray');
  const { code, stdout } = await ready();
  assert.equal(code, 1);
  assert.match(stdout, /^not ready: xray-client waits for xray, which is not active.*; 1 thing differs from the file$/);
  assert.equal((await home('op-dbus', 'status', '--check', 'live')).code, 0);
  const seen = await shown('--exit', '1');
  assert.deepEqual(down(seen), ['xray-client']);
  assert.equal(seen.exit?.address, null);
  assert.match(seen.exit.why ?? '', /timed out/);
  await mend();
});

test('a container that is stopped and a VPS that does not answer are named', async () => {
  await home('lxc-stop', '-n', 'warp-tunnel');
  const stopped = await shown('--no-exit');
  assert.deepEqual(down(stopped), ['warp-tunnel']);
  assert.deepEqual([stopped.exit, stopped.drift?.differ], [null, 1]);
  assert.match((await ready()).stdout, /^not ready: warp-tunnel waits for its start: op-dbus apply/);
  await mend();
  await inHost('vps', ['op-dbus', 'exec', 'xray-server', '--', 'systemctl', 'stop', 'xray']);
  assert.match((await ready()).stdout, /^not ready: xray-client waits for an answer from 95\.216\.30\.2:443$/);
  assert.equal((await inHost('vps', ['op-dbus', 'status', '--check', 'ready'])).code, 1);
  assert.equal((await inHost('vps', ['op-dbus', 'apply', file])).code, 0);
  await mend();
});

test('a change that is under way is told from one that was killed, and what it says ends it', async () => {
  const killed = `
    sed s/10.0.0.102/10.0.0.112/ ${file} > /tmp/moved.json
    op-dbus apply /tmp/moved.json --files /etc/op-dbus/files >/dev/null 2>&1 & apply=$!
    until [ -e /var/lib/op-dbus/journal.json ]; do kill -0 $apply || exit 3; done
    op-dbus status --check ready
    kill -9 $apply
    wait $apply
    op-dbus status --check live`;
  const { code, stdout } = await home('bash', '-c', killed);
  assert.equal(code, 1, stdout);
  const [under = '', cut = ''] = stdout.split('\n');
  assert.match(under, /^not ready: "apply \/tmp\/moved\.json" is under way/);
  assert.match(cut, /^not live: "apply \/tmp\/moved\.json" was interrupted: op-dbus rollback, or op-dbus apply/);
  assert.match((await home('op-dbus', 'status', '--no-exit')).stdout, /undo it: +op-dbus rollback/);
  assert.equal((await home('op-dbus', 'rollback')).code, 0);
  await mend();
});

test('after down nothing is applied, which is said', async () => {
  assert.equal((await home('op-dbus', 'down')).code, 0);
  assert.deepEqual(await ready(), { code: 1, stdout: 'not ready: nothing has been applied on this host', stderr: '' });
  assert.equal((await home('op-dbus', 'status', '--check', 'live')).code, 0);
  assert.match((await home('op-dbus', 'status')).stdout, /applied {2}nothing/);
});
