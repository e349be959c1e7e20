// The texts of a container.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { hookEnvironment, lxcConfig, rootFiles } from './config.ts';
import { definition } from './sample.ts';

const paths = { rootfs: 'overlay:/low:/up', hook: '/lib/hook', tun: '/c/tun' };

test('a configuration is unprivileged, leaves the network to the hook, and shows binds read only', () => {
  const wanted = definition(100, { order: 2, binds: { '/usr/local/bin/x y': '/opt/x' } });
  const text = lxcConfig('one', wanted, paths, { base: 100_000, apparmor: false });
  const lines = text.split('\n');
  for (const line of [
    'lxc.idmap = u 0 100000 65536',
    'lxc.idmap = g 0 100000 65536',
    'lxc.net.0.type = empty',
    'lxc.rootfs.path = overlay:/low:/up',
    'lxc.apparmor.profile = unconfined',
    'lxc.hook.pre-start = /lib/hook',
    'lxc.hook.start-host = /lib/hook',
    'lxc.hook.stop = /lib/hook',
    'lxc.mount.entry = /opt/x usr/local/bin/x\\040y none bind,ro,create=file 0 0',
    'lxc.start.auto = 1',
    'lxc.start.order = 2',
  ])
    assert.ok(lines.includes(line), line);
});

test('where AppArmor is, the container is confined by a profile that lets systemd nest', () => {
  const text = lxcConfig('one', definition(100), paths, { base: 100_000, apparmor: true });
  assert.match(text, /^lxc\.apparmor\.profile = generated\nlxc\.apparmor\.allow_nesting = 1$/m);
});

test("a userns container's devices are not listed: one entry would forbid all others", () => {
  assert.doesNotMatch(lxcConfig('one', definition(100), paths, { base: 1, apparmor: false }), /devices\.allow/);
});

test('no text can add a line to the configuration or a command to what the hook reads', () => {
  const hostile = fc.string({ unit: fc.constantFrom("'", '"', '\n', '$', '`', '\\', ';', ' ', 'a') });
  fc.assert(
    fc.property(hostile, (text) => {
      const plain = lxcConfig('one', definition(100, { binds: { '/a': '/b' } }), paths, { base: 1, apparmor: false });
      const odd = definition(100, { binds: { [`/${text}`]: `/${text}` }, gateway: text, bridge: text });
      const config = lxcConfig('one', odd, paths, { base: 1, apparmor: false });
      assert.equal(config.split('\n').length, plain.split('\n').length);
    }),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const script = `${hookEnvironment(definition(100, { gateway: text }))}printf %s "$GATEWAY"`;
      const { stdout, stderr } = spawnSync('sh', ['-eu'], { input: script, encoding: 'utf8' });
      assert.deepEqual([stdout, stderr], [text, '']);
    }),
    { numRuns: 25 },
  );
});

test('sysctls are paths with values, and a slash in a key is a dot in the path', () => {
  const text = hookEnvironment(
    definition(100, { sysctl: { 'net.ipv4.conf.eth0/5.rp_filter': '0', 'net.ipv4.x': '1 2' } }),
  );
  assert.match(text, /SYSCTL='net\/ipv4\/conf\/eth0\.5\/rp_filter 0\nnet\/ipv4\/x 1 2'/);
});

test('a container without name servers has an empty resolv.conf', () => {
  assert.equal(rootFiles('one', definition(100, { nameservers: [] }))['/etc/resolv.conf'], '');
});
