// The shaper's program: where it is taken from, and what is said when nobody has compiled it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, member } from '../core/topology/fixture.ts';
import type { Topology } from '../core/topology.ts';
import { fakeFiles } from '../drivers/files/fake.ts';
import type { Host } from '../drivers/host.ts';
import { fakeMachine } from '../drivers/machine/fake.ts';
import { source } from '../drivers/source.ts';
import { OpError } from '../error.ts';
import { findShaper } from './shaper.ts';

const state = { mode: 'constant', up: 1, down: 1, frame: 1316, quantum: 1, monthly_bytes: 0, warp: null } as const;
const shaping: Topology = { ...client, members: [member(102, 'xray-client', { shaper: state })] };
const host = (programs: Readonly<Record<string, string>> = {}, files = fakeFiles()): Host =>
  ({ files, machine: fakeMachine({ programs }) }) as unknown as Host;

test('who does not shape needs no program', async () => {
  assert.equal(await findShaper(host(), client), null);
});

test('the installed program goes before the build’s own', async () => {
  const files = fakeFiles();
  await files.write(source('dist/op-dbus-shaper'), '');
  assert.equal(await findShaper(host({}, files), shaping), source('dist/op-dbus-shaper'));
  const installed = '/usr/local/bin/op-dbus-shaper';
  assert.equal(await findShaper(host({ 'op-dbus-shaper': installed }, files), shaping), installed);
});

test('where it was not compiled, the plan fails and says how to have it', async () => {
  await assert.rejects(findShaper(host(), shaping), (error) => {
    assert.ok(error instanceof OpError && error.code === 'host');
    assert.match(`${error.message} ${error.hint}`, /not compiled, and xray-client is to shape .*apt-get install gcc/);
    return true;
  });
});
