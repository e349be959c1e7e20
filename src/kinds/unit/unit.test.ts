// Units against a systemd in memory: only what is declared, back to what was before, and on after any interruption.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../core/plan.ts';
import type { Resource } from '../../core/resource.ts';
import { type FakeDBus, fakeDBus } from '../../drivers/dbus/fake.ts';
import { type FakeSystemd, fakeSystemd } from '../../drivers/dbus/systemd.fake.ts';
import { type FakeFiles, fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { OpError } from '../../error.ts';
import { unit } from './index.ts';
import type { Spec } from './schema.ts';

type Fake = { readonly host: Host; readonly files: FakeFiles; readonly dbus: FakeDBus; readonly systemd: FakeSystemd };

function fake(): Fake {
  const [files, systemd] = [fakeFiles(), fakeSystemd()];
  const dbus = fakeDBus(systemd.serve);
  return { host: { files, dbus } as unknown as Host, files, dbus, systemd };
}

const kept = '/var/lib/op-dbus/kept.json';
const path = '/etc/systemd/system/cron.service.d/op-dbus-limit.conf';
const limit = { 'limit.conf': '[Service]\nMemoryMax=1G\n' };
const silent = (): void => {};

function want(name: string, spec: Partial<Spec>): Resource<Spec> {
  return { kind: 'unit', name, spec: { enabled: null, active: null, masked: null, dropIns: {}, ...spec } };
}

/** From what is there to what is wanted, as the engine does. */
async function go(host: Host, ...to: readonly Resource<Spec>[]): Promise<void> {
  const changes = difference(await unit.observe(host), to) as Parameters<typeof unit.apply>[1];
  await unit.preflight?.(host, changes, silent);
  await unit.apply(host, changes, silent);
  assert.deepEqual(difference(await unit.observe(host), to), []);
}

async function refused(host: Host, ...to: readonly Resource<Spec>[]): Promise<readonly OpError[]> {
  const changes = difference(await unit.observe(host), to) as Parameters<typeof unit.apply>[1];
  const error: unknown = await Promise.resolve(unit.preflight?.(host, changes, silent)).catch((one: unknown) => one);
  const all = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return all.map((one) => {
    assert.ok(one instanceof OpError, 'it should be refused');
    return one;
  });
}

test('without a unit of ours no bus is asked', async () => {
  const { host, dbus } = fake();
  assert.deepEqual(await unit.observe(host), []);
  assert.equal(dbus.connections(), 0);
});

test('a unit is enabled, started and given its drop-in, readable for all, and all of it is taken back', async () => {
  const { host, files, systemd } = fake();
  const ssh = systemd.units.get('ssh.service');
  await go(host, want('ssh.service', { enabled: true, active: true, dropIns: limit }));
  assert.deepEqual([ssh?.enabled, ssh?.active], [true, true]);
  const file = files.entries.get(path.replace('cron', 'ssh'));
  assert.equal(file?.content, '# Written by op-dbus: what is changed here is changed back.\n[Service]\nMemoryMax=1G\n');
  assert.equal(file?.mode, 0o644);
  // The file is read before the unit starts.
  assert.deepEqual(systemd.done, ['EnableUnitFiles ssh.service', 'Reload', 'StartUnit ssh.service']);
  await go(host);
  assert.deepEqual([ssh?.enabled, ssh?.active, [...files.entries.keys()]], [false, false, []]);
});

test('what is not declared is not touched, not even told', async () => {
  const { host, systemd } = fake();
  await go(host, want('cron.service', { dropIns: limit }));
  assert.deepEqual(systemd.done, ['Reload']);
  const cron = systemd.units.get('cron.service');
  if (cron !== undefined) cron.active = cron.enabled = false;
  assert.deepEqual(difference(await unit.observe(host), [want('cron.service', { dropIns: limit })]), []);
});

test('what was so before us stays so after us', async () => {
  const { host, systemd } = fake();
  await go(host, want('cron.service', { enabled: true, active: true }));
  await go(host);
  const cron = systemd.units.get('cron.service');
  assert.deepEqual([cron?.enabled, cron?.active, systemd.done], [true, true, []]);
});

test('drift shows and is put right, and what was before the first time is what comes back', async () => {
  const { host, systemd } = fake();
  const wanted = want('ssh.service', { active: true });
  await go(host, wanted);
  const ssh = systemd.units.get('ssh.service');
  if (ssh !== undefined) ssh.active = false;
  assert.equal(difference(await unit.observe(host), [wanted]).length, 1);
  await go(host, wanted);
  await go(host);
  assert.equal(ssh?.active, false);
});

test("somebody's decision after ours stays when ours goes", async () => {
  const { host, systemd } = fake();
  await go(host, want('cron.service', { active: true }));
  const cron = systemd.units.get('cron.service');
  if (cron !== undefined) cron.active = false;
  await go(host);
  assert.deepEqual([cron?.active, systemd.done], [false, []]);
});

test('a masked unit is unmasked first, and its enablement that the mask hid comes back with the mask', async () => {
  const { host, systemd } = fake();
  const old = systemd.units.get('old.service');
  await go(host, want('old.service', { masked: false, enabled: false, active: true }));
  assert.deepEqual([old?.masked, old?.enabled, old?.active], [false, false, true]);
  await go(host);
  assert.deepEqual([old?.masked, old?.enabled, old?.active], [true, true, false]);
});

test('a unit is stopped and disabled before it is masked', async () => {
  const { host, systemd } = fake();
  await go(host, want('cron.service', { masked: true, enabled: false, active: false }));
  const masked = [
    'DisableUnitFiles cron.service',
    'Reload',
    'StopUnit cron.service',
    'MaskUnitFiles cron.service',
    'Reload',
  ];
  assert.deepEqual(systemd.done, masked);
  await go(host);
  const cron = systemd.units.get('cron.service');
  assert.deepEqual([cron?.masked, cron?.enabled, cron?.active], [false, true, true]);
});

test('a unit that is kept active is restarted for a changed drop-in, and one that is not is left running', async () => {
  const { host, systemd } = fake();
  await go(host, want('cron.service', { active: true, dropIns: limit }));
  assert.deepEqual(systemd.done.splice(0), ['Reload', 'RestartUnit cron.service']);
  await go(host, want('cron.service', { dropIns: { 'limit.conf': '[Service]\nMemoryMax=2G\n' } }));
  assert.deepEqual(systemd.done.splice(0), ['Reload', 'RestartUnit cron.service']);
  await go(host);
  assert.deepEqual(systemd.done, ['Reload']);
});

test('a drop-in that somebody changed or removed is drift', async () => {
  const { host, files } = fake();
  const wanted = want('cron.service', { dropIns: limit });
  await go(host, wanted);
  for (const change of [() => files.remove(path), () => files.write(path, 'mine')]) {
    await change();
    assert.equal(difference(await unit.observe(host), [wanted]).length, 1);
    await go(host, wanted);
    assert.match((await files.read(path)) ?? '', /^# Written by op-dbus/);
  }
});

/** The host with files that can be written `count` times more. */
function dying({ host, files }: Fake, count: number): Host {
  let left = count;
  const write: FakeFiles['write'] = (...args) =>
    left-- > 0 ? files.write(...args) : Promise.reject(new Error('killed'));
  return { ...host, files: { ...files, write } } as Host;
}

test('an interruption at any write is gone on from, and leads back as well', async () => {
  const wanted = [
    want('old.service', { masked: false, enabled: true, active: true, dropIns: limit }),
    want('cron.service', { active: true, dropIns: limit }),
  ];
  for (let steps = 0, died = true; died; steps += 1) {
    const all = fake();
    const { host, files, systemd } = all;
    died = await go(dying(all, steps), ...wanted).then(
      () => false,
      () => true,
    );
    await go(host, ...wanted);
    // What has a drop-in runs with it: systemd has read it before.
    for (const last of ['StartUnit old.service', 'RestartUnit cron.service']) {
      assert.ok(systemd.done.includes(last), `${steps} ${last}: ${systemd.done.join(', ')}`);
      assert.ok(systemd.done.indexOf('Reload') < systemd.done.lastIndexOf(last), `${steps}`);
    }
    await go(host);
    const old = systemd.units.get('old.service');
    assert.deepEqual([old?.masked, old?.enabled, old?.active, files.entries.size], [true, true, false, 0], `${steps}`);
    assert.ok(died || steps >= 8, String(steps));
  }
});

test('files that systemd has not read count for nothing until it has', async () => {
  const { host, files, systemd } = fake();
  const wanted = want('cron.service', { active: true, dropIns: limit });
  await go(host, wanted);
  const text = (await files.read(kept)) ?? '';
  await files.write(kept, text.replace('"pending":false', '"pending":true'));
  systemd.done.splice(0);
  assert.equal(difference(await unit.observe(host), [wanted]).length, 1);
  await go(host, wanted);
  assert.deepEqual(systemd.done, ['Reload', 'RestartUnit cron.service']);
});

test('a job that fails is told with its result and where to look', async () => {
  const { host, systemd } = fake();
  systemd.results.set('ssh.service', 'failed');
  await assert.rejects(go(host, want('ssh.service', { active: true })), {
    code: 'check',
    message: 'ssh.service: start ssh.service: failed',
    hint: /journalctl -u ssh\.service/,
  });
});

test('whatever stands in the way is told before anything is changed, each with its place', async () => {
  const { host, files, systemd } = fake();
  await files.write(path, '[Service]\n');
  const errors = await refused(
    host,
    want('no.service', { active: true }),
    want('static.service', { enabled: true }),
    want('old.service', { enabled: true, active: true }),
    want('local.service', { masked: true }),
    want('cron.service', { dropIns: limit }),
    want('op-dbus.service', { active: false }),
  );
  assert.deepEqual(errors.map(({ code, at, message }) => `${code} ${at}: ${message}`).toSorted(), [
    `foreign ${path}: ${path} exists and is not op-dbus's`,
    'host systemd.units["local.service"].masked: local.service can\'t be masked: /etc/systemd/system/local.service is where the mask would be',
    'host systemd.units["no.service"]: there is no unit no.service on this host',
    'host systemd.units["old.service"].active: old.service is masked',
    'host systemd.units["old.service"].enabled: old.service is masked',
    'host systemd.units["op-dbus.service"]: op-dbus\'s own unit',
    'host systemd.units["static.service"].enabled: static.service can\'t be enabled: it is static',
  ]);
  assert.ok(errors.every(({ hint }) => hint !== undefined));
  assert.deepEqual([systemd.done, files.entries.size], [[], 1]);
});

test('a unit that was removed from the host is let go of', async () => {
  const { host, systemd, files } = fake();
  await go(host, want('cron.service', { active: false, enabled: false, dropIns: limit }));
  systemd.units.delete('cron.service');
  await go(host);
  assert.equal(files.entries.size, 0);
});

test('a note that is not ours is an error that names it, not an empty list', async () => {
  const { host, files } = fake();
  for (const text of ['', '{', '[]', '{"version": 2, "kept": {}}', 'null']) {
    await files.write(kept, text);
    await assert.rejects(unit.observe(host), { code: 'host', at: kept });
  }
});
