// Bridges on a machine that has no switch.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { fakeNet } from '../../drivers/net/fake.ts';
import { fakeOvsdb } from '../../drivers/ovsdb/fake.ts';
import { OpError } from '../../error.ts';
import { bridge } from './index.ts';
import type { Spec } from './schema.ts';

test('a bridge that can not be made for want of a switch is found out before anything is changed', async () => {
  const reach = () => Promise.reject(new OpError('host', 'no switch'));
  const host = { ovsdb: { ...fakeOvsdb(), reach }, net: fakeNet() } as unknown as Host;
  const spec: Spec = { datapath: 'netdev', mac: '02:0a:00:00:00:01', address: null };
  const made: Change<Spec> = { kind: 'bridge', name: 'ovsbr0', before: null, after: spec };
  const preflight = async (change: Change<Spec>): Promise<void> => bridge.preflight?.(host, [change], () => {});
  await assert.rejects(preflight(made), { code: 'host', message: 'no switch' });
  await preflight({ ...made, before: spec, after: null });
});

test('a Linux bridge that has the name of one of ours, as mesh may, is left alone', async () => {
  const links = async () => [{ name: 'mesh', up: true, addresses: ['10.1.0.1/24'] }];
  const host = { ovsdb: fakeOvsdb(), net: { ...fakeNet(), links } } as unknown as Host;
  const spec: Spec = { datapath: 'system', mac: '02:0a:00:00:00:02', address: '10.1.0.1/24' };
  const made: Change<Spec> = { kind: 'bridge', name: 'mesh', before: null, after: spec };
  await assert.rejects(async () => bridge.preflight?.(host, [made], () => {}), {
    code: 'foreign',
    message: "mesh exists and is not op-dbus's",
    hint: 'A network device has that name: give the bridge another one in the file.',
  });
});
