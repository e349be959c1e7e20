// kill -9 in the middle of a change, on a real host (the lab's home): the next command finishes it or undoes it, and says so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { home, inHost, labDown, labUp, ok } from './cli.ts';
import { looks } from './looks.ts';

before(labUp);
after(labDown);

const file = '/etc/op-dbus/state.json';

const journal = '/var/lib/op-dbus/journal.json';

/**
 * Starts a command in home and kills it, with all that it has started, so many seconds after its first change; says whether
 * it was still at work.
 */
async function killed(seconds: number, ...argv: string[]): Promise<boolean> {
  const script = `setsid "$@" >/tmp/killed.txt 2>&1 & one=$!; for try in $(seq 500); do [ -e ${journal} ] && break; sleep 0.01; done; sleep ${seconds}; kill -9 -- -$one 2>/dev/null && echo killed; wait $one 2>/dev/null; true`;
  return (await ok('bash', '-c', script, 'bash', ...argv)) === 'killed';
}

async function seconds(...argv: string[]): Promise<number> {
  const started = performance.now();
  await ok(...argv);
  return (performance.now() - started) / 1000;
}

const begun = async (): Promise<boolean> => (await home('test', '-e', journal)).code === 0;

test('killed while it builds: apply goes on from there, rollback leaves nothing', async (t) => {
  await ok('op-dbus', 'down');
  const nothing = await looks('home');
  const whole = await seconds('op-dbus', 'apply', file);
  const all = await looks('home');
  let [finished, undone] = [0, 0];
  for (const [index, part] of [0, 0.15, 0.3, 0.45, 0.6, 0.7].entries()) {
    await ok('op-dbus', 'down');
    await killed(whole * part, 'op-dbus', 'apply', file);
    const interrupted = await begun();
    if (index % 2 === 0) {
      const { code, stdout, stderr } = await home('op-dbus', 'apply', file);
      assert.equal(code, 0, `${part}: ${stderr}`);
      if (interrupted) assert.match(stderr, /"apply .*" of .* was interrupted; this has gone on/, stdout);
      assert.deepEqual(await looks('home'), all, `${part}`);
      finished += interrupted ? 1 : 0;
    } else {
      const said = await home('op-dbus', 'rollback');
      if (interrupted) assert.match(said.stdout, /^Undone: "apply/m, said.stderr);
      else assert.match(said.stderr, /nothing to go back to/);
      if (interrupted) assert.deepEqual(await looks('home'), nothing, `${part}`);
      undone += interrupted ? 1 : 0;
    }
    assert.equal(await begun(), false);
  }
  t.diagnostic(`${finished} finished, ${undone} undone`);
  assert.ok(finished > 0 && undone > 0);
});

test('killed while it removes: rollback brings the containers back with what is inside, down goes on', async () => {
  await ok('op-dbus', 'apply', file);
  const all = await looks('home');
  await ok('op-dbus', 'exec', '100', '--', 'sh', '-c', 'echo kept >/root/kept');
  let back = 0;
  for (const pause of [0, 0.2, 0.5]) {
    await killed(pause, 'op-dbus', 'down');
    if (!(await begun())) {
      await ok('op-dbus', 'apply', file);
      continue;
    }
    await ok('op-dbus', 'rollback');
    assert.deepEqual(await looks('home'), all, `${pause}`);
    assert.equal(await ok('op-dbus', 'exec', '100', '--', 'cat', '/root/kept'), 'kept');
    back += 1;
  }
  assert.ok(back > 0);
  await killed(0.1, 'op-dbus', 'down');
  await ok('op-dbus', 'down');
  assert.equal((await home('test', '-e', '/var/lib/op-dbus')).code, 1);
});

test('a step that fails leads back by itself to what was there', async () => {
  await ok('op-dbus', 'apply', file);
  const all = await looks('home');
  const inside = (...argv: string[]) => ok('op-dbus', 'exec', 'xray-client', '--', ...argv);
  await inside('cp', '/usr/bin/v2ray', '/usr/bin/v2ray.good');
  await inside('cp', '--remove-destination', '/bin/false', '/usr/bin/v2ray');
  const state = JSON.parse(await ok('cat', file)) as { plugins: { lxc: { containers: Record<string, any>[] } } };
  const { containers } = state.plugins.lxc;
  containers[2]!['config'].xray.inbound.port = 1081;
  containers.push({ id: 105, name: 'web-server', network: { veth: true, ipv4: '10.0.0.105/24' } });
  await inHost('home', ['dd', 'of=/tmp/more.json', 'status=none'], JSON.stringify(state));
  const { code, stdout, stderr } = await home('op-dbus', 'apply', '/tmp/more.json', '--files', '/etc/op-dbus/files');
  assert.equal(code, 1);
  assert.match(stdout, /lxc-create -n web-server/);
  assert.match(stderr, /v2ray refuses the new configuration/);
  assert.match(stderr, /the host is again as it was/);
  assert.deepEqual(await looks('home'), all);
  await inside('mv', '/usr/bin/v2ray.good', '/usr/bin/v2ray');
});

test('the history tells what was done, shows when it was touched, and leads back', async () => {
  await ok('op-dbus', 'down');
  await ok('op-dbus', 'apply', file);
  const all = await looks('home');
  const state = (await ok('cat', file)).replace('"obfuscation_level": 3', '"obfuscation_level": 1');
  await inHost('home', ['dd', 'of=/tmp/less.json', 'status=none'], state);
  await ok('op-dbus', 'apply', '/tmp/less.json', '--files', '/etc/op-dbus/files');
  assert.notDeepEqual(await looks('home'), all);
  const shown = await ok('op-dbus', 'history');
  assert.match(shown, /^1 .*apply \/etc\/op-dbus\/state\.json.*\n2 .*apply \/tmp\/less\.json/m);
  assert.match(await ok('op-dbus', 'history', '2'), /^ovs-ofctl -O OpenFlow14 /m);
  assert.equal((await home('op-dbus', 'diff', '--to', '1')).code, 2);
  assert.equal((await home('op-dbus', 'diff', '--to', '2')).code, 0);
  assert.match(await ok('op-dbus', 'rollback'), /after entry 1/);
  assert.deepEqual(
    (await looks('home')).filter((line) => !line.includes('/history')),
    all.filter((line) => !line.includes('/history')),
  );
  assert.match(await ok('op-dbus', 'history', '--verify'), /^ok: 3 entries/);
  assert.equal((await home('op-dbus', 'verify')).code, 0);
  await ok('sed', '-i', 's/less/more/', '/var/lib/op-dbus/history/000002.json');
  const touched = await home('op-dbus', 'history', '--verify');
  assert.equal(touched.code, 1);
  assert.match(touched.stderr, /entry 2 was changed/);
  const missing = await home('op-dbus', 'rollback', '9');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /There are 1 to 3/);
  await ok('op-dbus', 'down');
  assert.equal((await home('test', '-e', '/var/lib/op-dbus')).code, 1);
});
