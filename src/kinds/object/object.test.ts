// Properties against a service in memory: typed by introspection, noted before they are set, given back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../core/plan.ts';
import type { Resource } from '../../core/resource.ts';
import { type FakeDBus, fakeDBus } from '../../drivers/dbus/fake.ts';
import { type FakeSystemd, fakeSystemd } from '../../drivers/dbus/systemd.fake.ts';
import { type FakeFiles, fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError } from '../../error.ts';
import { object } from './index.ts';
import { resourceName, type Spec } from './schema.ts';

type Fake = { readonly host: Host; readonly files: FakeFiles; readonly dbus: FakeDBus; readonly systemd: FakeSystemd };

function fake(): Fake {
  const [files, systemd] = [fakeFiles(), fakeSystemd()];
  const dbus = fakeDBus(systemd.serve);
  return { host: { files, dbus } as unknown as Host, files, dbus, systemd };
}

const silent = (): void => {};

function want(property: string, value: unknown, where: Partial<Spec> = {}): Resource<Spec> {
  const spec = {
    destination: 'org.freedesktop.systemd1',
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    property,
    value,
    ...where,
  };
  return { kind: 'object', name: resourceName(spec), spec };
}

type Batch = Parameters<typeof object.apply>[1];

async function go(host: Host, ...to: readonly Resource<Spec>[]): Promise<void> {
  const changes = difference(await object.observe(host), to) as Batch;
  await object.preflight?.(host, changes, silent);
  await object.apply(host, changes, silent);
  assert.deepEqual(difference(await object.observe(host), to), []);
}

test('without a property of ours no bus is asked', async () => {
  const { host, dbus } = fake();
  assert.deepEqual(await object.observe(host), []);
  assert.equal(dbus.connections(), 0);
});

test('properties are set by their own types, and have their values of before again after us', async () => {
  const { host, files, systemd } = fake();
  const big = '18446744073709551615';
  await go(host, want('LogLevel', 'debug'), want('RuntimeWatchdogUSec', big), want('ServiceWatchdogs', false));
  assert.deepEqual(systemd.settings, { level: 'debug', watchdog: 2n ** 64n - 1n, watch: false });
  await go(host, want('LogLevel', 'notice'));
  assert.deepEqual(systemd.settings, { level: 'notice', watchdog: 0n, watch: true });
  await go(host);
  assert.deepEqual([systemd.settings.level, files.entries.size], ['info', 0]);
});

test('drift shows, is put right, and a value of somebody else stays when ours goes', async () => {
  const { host, systemd } = fake();
  const wanted = want('LogLevel', 'debug');
  await go(host, wanted);
  systemd.settings.level = 'err';
  assert.deepEqual(
    difference(await object.observe(host), [wanted]).map(({ before }) => (before as Spec).value),
    ['err'],
  );
  await go(host, wanted);
  assert.equal(systemd.settings.level, 'debug');
  systemd.settings.level = 'err';
  await go(host);
  assert.equal(systemd.settings.level, 'err');
});

test('64 bits as a number or as text are the same', async () => {
  const { host } = fake();
  await go(host, want('RuntimeWatchdogUSec', '5'));
  await go(host, want('RuntimeWatchdogUSec', 5));
});

test('a service that has gone is drift, and is let go of', async () => {
  const { host, dbus, files } = fake();
  const wanted = want('LogLevel', 'debug');
  await go(host, wanted);
  const gone = { ...host, dbus: fakeDBus() } as Host;
  const [seen] = await object.observe(gone);
  assert.equal(seen?.spec.value, null);
  await object.apply(gone, difference([seen as Resource<Spec>], []) as Batch, silent);
  assert.equal(files.entries.size, 0);
  await dbus.close();
});

test('whatever keeps a property from being kept is told before anything is changed, with its place and type', async () => {
  const { host, systemd, files } = fake();
  const bad: readonly (readonly [Resource<Spec>, string, RegExp, RegExp | null])[] = [
    [want('LogLevel', 5), 'state', /^expected a string \(type s\)$/, null],
    [
      want('RuntimeWatchdogUSec', -1),
      'state',
      /^expected a whole number of 64 bits that is not negative \(type t\)$/,
      null,
    ],
    [want('ServiceWatchdogs', 'yes'), 'state', /^expected true or false \(type b\)$/, null],
    [want('Version', '253'), 'host', /^Version is read-only$/, /method/],
    [want('LogLevl', 'x'), 'host', /no property LogLevl/, /"LogLevel"/],
    [want('A', 1, { interface: 'org.freedesktop.systemd1.Managr' }), 'host', /no interface/, /systemd1\.Manager"/],
    [want('A', 1, { path: '/no' }), 'host', /no object \/no/, /busctl tree/],
    [want('A', 1, { destination: 'org.nobody.A' }), 'host', /nobody .* org\.nobody\.A/, /busctl list/],
  ];
  for (const [resource, code, message, hint] of bad) {
    const error: unknown = await Promise.resolve(
      object.preflight?.(host, difference([], [resource]) as Batch, silent),
    ).catch((one: unknown) => one);
    assert.ok(error instanceof OpError, resource.name);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    if (hint !== null) assert.match(error.hint ?? '', hint);
    const { destination, property } = resource.spec;
    assert.match(error.at ?? '', new RegExp(`^dbus\\.objects ${destination} .*\\.${property}$`));
  }
  assert.equal(files.entries.size, 0);
  assert.equal(systemd.settings.level, 'info');
});

test('all of several problems are told at once', async () => {
  const { host } = fake();
  const changes = difference([], [want('LogLevel', 5), want('Version', 'x'), want('ServiceWatchdogs', true)]) as Batch;
  await assert.rejects(
    Promise.resolve(object.preflight?.(host, changes, silent)),
    (error) => error instanceof AggregateError && error.errors.length === 2,
  );
});
