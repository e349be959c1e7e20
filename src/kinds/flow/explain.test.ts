// Every flow says why it is there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Facts } from '../../core/topology.ts';
import { client } from '../../core/topology/fixture.ts';
import { parseFlow } from '../../drivers/openflow/text.ts';
import { expand } from './expand.ts';
import { explain, whyLive } from './explain.ts';
import { topologies } from './fixture.ts';
import { lay } from './pipeline.ts';
import { reasons } from './reason.ts';
import { scene } from './scene.ts';

test('what is explained are the flows and meters that are wanted, each with a reason', () => {
  for (const topology of Object.values(topologies))
    for (const { bridge, tables, meters } of explain(topology)) {
      const spec = expand(topology, {} as Facts).find(({ name }) => name === bridge)?.spec;
      const told = tables.flatMap(({ flows }) => flows);
      assert.deepEqual(
        told.map(({ flow }) => flow),
        spec?.flows,
      );
      assert.deepEqual(meters.toSorted(), spec?.meters.toSorted());
      for (const { flow, why } of told) assert.doesNotMatch(why, /^(|unknown)$/, flow);
    }
});

test('no reason is left over, and the documentation has each cookie', () => {
  const used = new Set(
    Object.values(topologies).flatMap((topology) =>
      expand(topology, {} as Facts).flatMap(({ spec }) => spec.flows.map((line) => parseFlow(line).cookie)),
    ),
  );
  const documented = readFileSync(new URL('../../../docs/pipeline.md', import.meta.url), 'utf8');
  for (const cookie of Object.keys(reasons)) {
    assert.ok(used.has(cookie), `${cookie} is in no flow`);
    assert.ok(documented.includes(`\`${cookie.slice(2)}\``), `${cookie} is not in docs/pipeline.md`);
  }
});

test('a reason tells the level, a policy its name and container', () => {
  const [bridge] = explain(client);
  const why = (cookie: string): readonly string[] =>
    (bridge?.tables ?? []).flatMap(({ flows }) =>
      flows.filter(({ flow }) => flow.startsWith(`cookie=${cookie},`)).map((one) => one.why),
    );
  assert.equal(why('0xdead0003')[0], 'a fragment hides its ports from every rule (level 1)');
  assert.deepEqual(why('0xdead0005'), ['IPv6 is shut until it is configured end to end']);
  assert.match(why('0xbeef0065')[0] ?? '', /"warp-to-xray", for warp-tunnel$/);
});

test('a flow of the switch has the reason of the wanted one in its place, and a stranger has none', () => {
  const [bridge] = client.bridges;
  assert.ok(bridge);
  const tables = lay(scene(client, bridge));
  const live = { table: 10, priority: 1000, match: 'ip,in_port=internal_100', cookie: '0xbeef0064' };
  assert.match(whyLive(tables, live) ?? '', /wireguard-to-warp/);
  for (const other of [{ table: 11 }, { priority: 999 }, { cookie: '0x1' }])
    assert.equal(whyLive(tables, { ...live, ...other }), null);
});
