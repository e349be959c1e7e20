// Kernel settings against a host in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../core/resource.ts';
import type { Facts, Topology } from '../../core/topology.ts';
import { type FakeFiles, fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { type FakeNet, fakeNet } from '../../drivers/net/fake.ts';
import { sysctl } from './index.ts';
import type { Spec } from './schema.ts';

const key = 'net.ipv4.ip_forward';
const path = '/var/lib/op-dbus/sysctl.conf';

type Fake = { readonly host: Host; readonly files: FakeFiles; readonly net: FakeNet };

/** A host with the two drivers that this kind uses. */
function fake(value = '0', contents: Readonly<Record<string, string>> = {}): Fake {
  const files = fakeFiles(contents);
  const net = fakeNet();
  net.sysctls.set(key, value);
  return { host: { files, net } as unknown as Host, files, net };
}

function change(before: string | null, after: string | null): readonly Change<Spec>[] {
  const spec = (value: string | null): Spec | null => (value === null ? null : { value });
  return [{ kind: 'sysctl', name: key, before: spec(before), after: spec(after) }];
}

const silent = (): void => {};

test('forwarding is turned on now and for the next boot, and taken back with the file', async () => {
  const { host, files, net } = fake('0');
  await sysctl.apply(host, change(null, '1'), silent);
  assert.equal(net.sysctls.get(key), '1');
  assert.match(
    (await files.read(path)) ?? '',
    /^# Written by op-dbus.*\n# before: net\.ipv4\.ip_forward = 0\nnet\.ipv4\.ip_forward = 1\n$/,
  );
  assert.equal(files.entries.get(path)?.mode, 0o644);
  assert.deepEqual(await sysctl.observe(host), [{ kind: 'sysctl', name: key, spec: { value: '1' } }]);
  await sysctl.apply(host, change('1', null), silent);
  assert.equal(net.sysctls.get(key), '0');
  assert.deepEqual([...files.entries.keys()], []);
});

test("somebody else's forwarding stays on after ours is gone", async () => {
  const { host, net } = fake('1');
  await sysctl.apply(host, change(null, '1'), silent);
  await sysctl.apply(host, change('1', null), silent);
  assert.equal(net.sysctls.get(key), '1');
});

test('a value that somebody changed after us stays', async () => {
  const { host, net } = fake('0');
  await sysctl.apply(host, change(null, '1'), silent);
  net.sysctls.set(key, '2');
  await sysctl.apply(host, change('2', null), silent);
  assert.equal(net.sysctls.get(key), '2');
});

test('drift shows, and correcting it keeps the value that was there before us', async () => {
  const { host, net } = fake('0');
  await sysctl.apply(host, change(null, '1'), silent);
  net.sysctls.set(key, '0');
  assert.deepEqual((await sysctl.observe(host))[0]?.spec, { value: '0' });
  await sysctl.apply(host, change('0', '1'), silent);
  net.sysctls.set(key, '1');
  await sysctl.apply(host, change('1', null), silent);
  assert.equal(net.sysctls.get(key), '0');
});

test('an interrupted creation, and then another, still knows what was there before', async () => {
  const { host, net } = fake('0');
  const broken = { ...host, net: { ...host.net, setSysctl: () => Promise.reject(new Error('power failure')) } };
  await assert.rejects(sysctl.apply(broken, change(null, '1'), silent));
  assert.deepEqual((await sysctl.observe(host))[0]?.spec, { value: '0' });
  await sysctl.apply(host, change('0', '1'), silent);
  await sysctl.apply(host, change(null, '1'), silent);
  await sysctl.apply(host, change('1', null), silent);
  assert.equal(net.sysctls.get(key), '0');
});

test('two settings share the file, and removing one leaves the other', async () => {
  const { host, files, net } = fake('0');
  const other = 'net.ipv4.conf.all.forwarding';
  await sysctl.apply(
    host,
    [...change(null, '1'), { kind: 'sysctl', name: other, before: null, after: { value: '1' } }],
    silent,
  );
  await sysctl.apply(host, change('1', null), silent);
  assert.equal(net.sysctls.get(key), '0');
  assert.equal(net.sysctls.get(other), '1');
  assert.deepEqual(
    (await sysctl.observe(host)).map(({ name }) => name),
    [other],
  );
  assert.doesNotMatch((await files.read(path)) ?? '', /ip_forward/);
});

test("a file of that name which isn't ours is neither read as ours nor overwritten", async () => {
  const { host, files } = fake('0', { [path]: 'net.ipv4.ip_forward = 1\n' });
  assert.deepEqual(await sysctl.observe(host), []);
  await assert.rejects(async () => sysctl.preflight?.(host, change(null, '1'), () => {}), { code: 'foreign' });
  await assert.rejects(sysctl.apply(host, change(null, '1'), silent), { code: 'foreign' });
  assert.equal(await files.read(path), 'net.ipv4.ip_forward = 1\n');
});

test('a setting that the kernel lacks is found out before anything is changed', async () => {
  const { host, net } = fake();
  net.sysctls.delete(key);
  await assert.rejects(async () => sysctl.preflight?.(host, change(null, '1'), () => {}), {
    code: 'host',
    message: /ip_forward/,
  });
});

test('forwarding is wanted when something leaves or is let in, and not otherwise', () => {
  const want = (topology: Partial<Topology>): number =>
    sysctl
      .expand({ exits: [], published: [], ...topology } as unknown as Topology, {} as Facts)
      .filter(({ name, spec }) => name === key && spec.value === '1').length;
  assert.equal(want({}), 0);
  assert.equal(want({ exits: [{ ip: '10.0.0.102', pin: null }] }), 1);
  assert.equal(want({ published: [{ protocol: 'tcp', port: 443, to: '10.0.0.100', from: 'anywhere' }] }), 1);
});

test('verify asks the kernel and says what it answered', async () => {
  const { host } = fake('0');
  const wanted = [{ kind: 'sysctl', name: key, spec: { value: '1' } }];
  assert.deepEqual(await sysctl.check?.(host, wanted), [
    { name: `the host has ${key}=1`, ok: false, detail: '0', command: `sysctl ${key}` },
  ]);
});

test('the commands of a change are those of sysctl', () => {
  const lines = (before: string | null, after: string | null) => change(before, after).flatMap(sysctl.render);
  assert.deepEqual(lines(null, '1'), [`echo '${key} = 1' >> ${path}`, `sysctl -w ${key}=1`]);
  assert.deepEqual(lines('1', null), [
    `sed -n 's/^# before: \\(net\\.ipv4\\.ip_forward = \\)/\\1/p' ${path} | sysctl -p -`,
    `rm ${path}`,
  ]);
});
