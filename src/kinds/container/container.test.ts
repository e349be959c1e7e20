// A container that lost its device, against a host in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../core/plan.ts';
import type { Change } from '../../core/resource.ts';
import { fakeContainers } from '../../drivers/container/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { container } from './index.ts';
import { samples } from './samples.ts';
import type { Spec } from './schema.ts';

test('a running container whose port was made anew gets its device back, and goes on', async () => {
  const containers = fakeContainers();
  const host = { containers } as unknown as Host;
  const wanted = samples[1] ?? [];
  const go = async (): Promise<readonly string[]> => {
    const changes = difference(await container.observe(host), wanted) as readonly Change<Spec>[];
    await container.preflight?.(host, changes, () => {});
    await container.apply(host, changes, () => {});
    return changes.flatMap((change) => container.render(change));
  };
  await go();
  const started: string[] = [];
  containers.onStart = (name) => void started.push(name);
  containers.detached.add('wireguard-gateway');
  assert.deepEqual(await go(), ['/var/lib/op-dbus/hook wireguard-gateway lxc attach']);
  assert.deepEqual(await go(), []);
  assert.deepEqual(started, []);
});
