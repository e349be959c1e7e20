// The four laws, over every kind's samples, against the fakes (docs/architecture.md).

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { canonical, difference } from '../src/core/plan.ts';
import { type Resource, undo } from '../src/core/resource.ts';
import type { Host } from '../src/drivers/host.ts';
import { MARK, type Step } from '../src/drivers/ovsdb/contract.ts';
import { stages } from '../src/engine/run.ts';
import { kinds } from '../src/kinds/index.ts';
import type { Kind } from '../src/kinds/kind.ts';
import { fakeHost, withContainers } from './fake-host.ts';

type Samples = readonly (readonly Resource[])[];

type Module = { readonly samples: Samples; readonly containers?: readonly string[] };

function load(kind: Kind<unknown>): Promise<Module> {
  return import(`../src/kinds/${kind.name}/samples.ts`) as Promise<Module>;
}

async function samples(kind: Kind<unknown>): Promise<Samples> {
  return (await load(kind)).samples;
}

/** A fake host on which the kind's samples can be applied: with the containers and bridges that they need. */
async function ready(kind: Kind<unknown>): Promise<Host> {
  const host = fakeHost();
  await withContainers(host, (await load(kind)).containers ?? []);
  if (kind.name === 'port' || kind.name === 'flow') await host.ovsdb.transact(['ovsbr0', 'mesh'].map(bridge), 'laws');
  return host;
}

function bridge(name: string): Step {
  const columns = {
    datapathType: 'netdev',
    failMode: 'secure',
    otherConfig: {},
    externalIds: { [MARK]: name },
  } as const;
  return { op: 'put-bridge', bridge: { name, ...columns } };
}

async function see(kind: Kind<unknown>, host: Host): Promise<string> {
  return sorted(await kind.observe(host));
}

function sorted(resources: readonly Resource[]): string {
  return canonical(resources.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
}

async function go(kind: Kind<unknown>, host: Host, to: readonly Resource[]): Promise<ReturnType<typeof difference>> {
  const changes = difference(await kind.observe(host), to);
  for (const { batch } of stages(changes)) {
    await kind.preflight?.(host, batch, () => {});
    await kind.apply(host, batch, () => {});
  }
  return changes;
}

for (const kind of kinds) {
  test(`${kind.name}: it has samples, and each is a valid spec`, async () => {
    assert.ok(existsSync(`src/kinds/${kind.name}/samples.ts`));
    for (const state of await samples(kind)) for (const { spec } of state) kind.schema.parse(spec);
  });

  test(`${kind.name}: running plan(a→b) gives b, a second plan is empty, and undo gives a back`, async () => {
    const states = await samples(kind);
    for (const a of states)
      for (const b of states) {
        const host = await ready(kind);
        await go(kind, host, a);
        assert.equal(await see(kind, host), sorted(a));
        const changes = await go(kind, host, b);
        assert.equal(await see(kind, host), sorted(b));
        assert.deepEqual(difference(await kind.observe(host), b), []);
        for (const { batch } of stages(changes.map(undo))) await kind.apply(host, batch, () => {});
        assert.equal(await see(kind, host), sorted(a));
      }
  });

  test(`${kind.name}: the order of the input does not matter`, async () => {
    for (const state of await samples(kind)) {
      const host = await ready(kind);
      await go(kind, host, state.toReversed());
      assert.equal(await see(kind, host), sorted(state));
      assert.deepEqual(difference(await kind.observe(host), state), []);
    }
  });

  test(`${kind.name}: every change is rendered as commands, and none of them holds a secret`, async () => {
    const states = await samples(kind);
    for (const a of states)
      for (const b of states)
        for (const change of difference(a, b)) {
          const lines = kind.render(change);
          assert.ok(lines.length > 0, `${kind.name} ${change.name} renders nothing for ${canonical(change)}`);
          assert.ok(!lines.join('\n').includes('{{secret:'));
        }
  });
}
