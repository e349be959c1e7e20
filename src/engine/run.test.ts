// The order of a plan, what is implied in it, and how it stops.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { run, stages } from './run.ts';

const change = (kind: string, name: string, before: unknown, after: unknown): Change => ({ kind, name, before, after });

test('deletes run first and backwards, then everything else forwards', () => {
  const plan = [
    change('filter', 'host', {}, { text: '' }),
    change('bridge', 'ovsbr0', {}, null),
    change('container', 'a', {}, null),
    change('flow', 'ovsbr1', null, {}),
    change('port', 'internal_100', null, {}),
  ];
  assert.deepEqual(
    stages(plan).map(({ kind, batch }) => `${kind.name} ${batch.map(({ name }) => name).join()}`),
    ['container a', 'bridge ovsbr0', 'filter host', 'port internal_100', 'flow ovsbr1'],
  );
});

test('what is inside a container that goes is not removed before it, and is when the container stays', () => {
  const inside = change('proxy', 'a/xray', { container: 'a' }, null);
  assert.deepEqual(
    stages([inside, change('container', 'a', {}, null)]).map(({ kind }) => kind.name),
    ['container'],
  );
  assert.deepEqual(
    stages([inside, change('container', 'b', {}, null)]).map(({ kind }) => kind.name),
    ['proxy', 'container'],
  );
});

test('a raised stop ends before the next step, and says why', async () => {
  const stop = new AbortController();
  stop.abort();
  const done: string[] = [];
  const plan = [change('tunnel', 'a/wg0', { container: 'a' }, null)];
  await assert.rejects(
    run({} as Host, plan, (event) => void done.push(event.event), { stop: stop.signal }),
    { code: 'host', message: 'stopped before tunnel a/wg0', hint: 'It was asked to stop.' },
  );
  assert.deepEqual(done, []);
});
