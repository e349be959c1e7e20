// A container in which somebody else is root: whatever it puts in the place of our record, its neighbours and `down` go on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../src/core/plan.ts';
import type { Resource } from '../src/core/resource.ts';
import { observe } from '../src/engine/observe.ts';
import { run } from '../src/engine/run.ts';
import { OpError } from '../src/error.ts';
import { samples as containers } from '../src/kinds/container/samples.ts';
import { samples as tunnels } from '../src/kinds/tunnel/samples.ts';
import { type FakeHost, fakeHost } from './fake-host.ts';

const bad = 'wireguard-gateway';
const record = '/etc/op-dbus/tunnel.json';

const wanted: readonly Resource[] = [
  ...[bad, 'warp-tunnel'].map((name, index): Resource => {
    const spec = containers[1]?.[0]?.spec;
    assert.ok(spec);
    return { kind: 'container', name, spec: { ...spec, id: 100 + index } };
  }),
  ...[bad, 'warp-tunnel'].map((name): Resource => {
    const one = tunnels.flat().find((tunnel) => tunnel.spec.container === name);
    assert.ok(one);
    return one;
  }),
];

async function applied(): Promise<FakeHost> {
  const host = fakeHost();
  await run(host, difference([], wanted), () => {});
  assert.deepEqual(difference(await observe(host), wanted), []);
  return host;
}

const file = (content: string) => ({ kind: 'file', content, options: { mode: 0o600, uid: 0, gid: 0 } }) as const;

type Change = (files: FakeHost['containers']['containers'] extends Map<string, infer C> ? C : never) => void;

/** The record with one of its words replaced. */
const edited =
  (from: string, to: string): Change =>
  ({ files }) => {
    const now = files.get(record);
    assert.ok(now?.kind === 'file' && now.content.includes(from), from);
    files.set(record, file(now.content.replaceAll(from, to)));
  };

const path = '/etc/wireguard/wg0.conf';
const cases: Readonly<Record<string, Change>> = {
  'a path with ..': edited(path, '/etc/../x'),
  'a path that is not absolute': edited(path, 'x'),
  'a path that is a folder': edited(path, '/etc/op-dbus'),
  'a path of many thousand characters': edited(path, `/${'x'.repeat(5000)}`),
  'a path with a colour in it': edited(path, '/etc/\\u001b[31mred'),
  'a unit that is an option': edited('wg-quick@wg0', '--root=/tmp'),
  'a unit that is a path': edited('wg-quick@wg0', '../../../etc/x'),
  'a unit with a line break': edited('wg-quick@wg0', 'x\\ny'),
  'a mode that is none': edited('"mode":384', '"mode":-1'),
  'a text that is no JSON': ({ files }) => void files.set(record, file('{')),
  'a list without end': ({ files }) => void files.set(record, file(`[${Array(100_000).fill('{}').join(',')}]`)),
  'the record of another container': edited(bad, 'warp-tunnel'),
  'a folder in the place of the record': ({ files }) => {
    files.delete(record);
    files.set(`${record}/x`, file(''));
  },
  'a link in the place of the folder': ({ files }) => {
    for (const name of files.keys()) if (name.startsWith('/etc/op-dbus/')) files.delete(name);
    files.set('/etc/op-dbus', { kind: 'link', target: '/' });
  },
  'a folder in the place of a file': ({ files }) => {
    files.delete(path);
    files.set(`${path}/x`, file(''));
  },
  'a link in the place of the folder of a file': ({ files }) => {
    files.delete(path);
    files.set('/etc/wireguard', { kind: 'link', target: '/' });
  },
};

for (const [title, change] of Object.entries(cases)) {
  test(`${title}: it is seen as drift of this container alone, and no word of it is shown`, async () => {
    const host = await applied();
    const container = host.containers.containers.get(bad);
    assert.ok(container);
    change(container);
    const changes = difference(await observe(host), wanted);
    assert.deepEqual([...new Set(changes.map(({ name }) => name.split('/')[0]))], [bad]);
    assert.doesNotMatch(JSON.stringify(changes.map(({ before }) => before)), /u001b|--root|\.\.\/|\\n"/);
  });

  test(`${title}: down removes everything`, async () => {
    const host = await applied();
    const container = host.containers.containers.get(bad);
    assert.ok(container);
    change(container);
    await run(host, difference(await observe(host), []), () => {});
    assert.deepEqual(await observe(host), []);
    assert.equal(host.containers.containers.size, 0);
  });
}

test('what a taken-over container refuses does not keep its neighbour from being mended, and is told with its name', async () => {
  const host = await applied();
  const [first, second] = [host.containers.containers.get('warp-tunnel'), host.containers.containers.get(bad)];
  assert.ok(first && second);
  for (const name of first.files.keys()) if (name.startsWith('/etc/op-dbus/')) first.files.delete(name);
  first.files.set('/etc/op-dbus', { kind: 'link', target: '/' });
  second.files.delete(path);
  await assert.rejects(
    run(host, difference(await observe(host), wanted), () => {}),
    { code: 'foreign', message: /warp-tunnel/ },
  );
  assert.ok(second.files.has(path));
});

test('when it is the machine that has no more descriptors, nothing is taken for gone', async () => {
  const host = await applied();
  const lack = new OpError('host', 'too many open files', { cause: Object.assign(new Error('x'), { code: 'EMFILE' }) });
  const containers = { ...host.containers, read: () => Promise.reject(lack) };
  await assert.rejects(observe({ ...host, containers }), /too many open files/);
});

test('a record that names more than ours ever do is none', async () => {
  const host = await applied();
  const container = host.containers.containers.get(bad);
  const now = container?.files.get(record);
  assert.ok(container && now?.kind === 'file');
  const [spec] = JSON.parse(now.content) as { readonly unit: string }[];
  const many = Array.from({ length: 9 }, (_, index) => ({ ...spec, unit: `u${index}` }));
  container.files.set(record, file(JSON.stringify(many)));
  assert.equal((await observe(host)).filter(({ name }) => name.startsWith(`${bad}/`)).length, 0);
  container.files.set(record, file(JSON.stringify(many.slice(1))));
  assert.equal((await observe(host)).filter(({ name }) => name.startsWith(`${bad}/`)).length, 8);
});
