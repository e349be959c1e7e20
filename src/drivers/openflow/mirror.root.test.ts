// The mirror against a real switch where it is hard: ports change, others write at the same time, it is paused, it is lost.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlSocket } from '../control/client.ts';
import { type DummySwitch, startDummySwitch } from '../ovsdb/testing.ts';
import { openFlow } from './client.ts';
import type { Flow, Mirror, OpenFlow } from './contract.ts';
import { parseFlow, printFlow } from './text.ts';

let ovs: DummySwitch;
let openflow: OpenFlow;
before(async () => {
  ovs = await startDummySwitch();
  openflow = openFlow(ovs.folder, controlSocket(ovs.folder));
});
after(() => ovs.stop());

const drop = parseFlow('cookie=0xdead0fff, priority=0 actions=drop');
const arp = parseFlow('cookie=0xdead0004, table=1, priority=1000,arp,arp_tpa=10.0.0.100 actions=output:internal_100');

/** A bridge with the port internal_100, and a mirror of all its flows. */
async function mirrored(bridge: string, changed: () => void = () => {}): Promise<Mirror> {
  await vsctl(`add-br ${bridge} -- set Bridge ${bridge} fail_mode=secure`);
  await addPort(bridge, 100);
  await ovs.run(['ovs-ofctl', '-O', 'OpenFlow14', 'del-flows', bridge]);
  return await openflow.mirror(bridge, { mine: () => true, changed });
}

async function vsctl(command: string): Promise<void> {
  const { code, stderr } = await ovs.run(['ovs-vsctl', ...command.split(' ')]);
  assert.equal(code, 0, stderr);
}

async function addPort(bridge: string, number: number): Promise<void> {
  const name = `${bridge}_100`;
  await vsctl(`add-port ${bridge} ${name} -- set Interface ${name} type=internal ofport_request=${number}`);
}

/** The mirror says what the switch does. */
async function agree(mirror: Mirror, bridge: string): Promise<void> {
  // What the switch tells by itself comes no later than the answer to what it is asked afterwards.
  const there = (await openflow.flows(bridge)).map(printFlow).toSorted();
  assert.deepEqual([...(await mirror.lines())].toSorted(), there);
}

test('flows asked for again are the same list until one, its cookie, its timeout or a port changes', async () => {
  const bridge = 'br1';
  const mirror = await mirrored(bridge);
  await mirror.close();
  const out: Flow = { ...arp, actions: `output:${bridge}_100` };
  await openflow.bundle(bridge, [drop, out], []);
  let last = await openflow.flows(bridge);
  assert.equal(await openflow.flows(bridge), last);
  const changes: readonly (() => Promise<void>)[] = [
    () => openflow.bundle(bridge, [{ ...out, actions: 'drop' }], []),
    () => openflow.bundle(bridge, [{ ...out, cookie: '0xdead0005' }], []),
    () => openflow.bundle(bridge, [{ ...out, match: `hard_timeout=9999,${out.match}` }], []),
    () => openflow.bundle(bridge, [out], []),
    () => vsctl(`del-port ${bridge}_100`),
  ];
  for (const change of changes) {
    await change();
    const flows = await openflow.flows(bridge);
    assert.notDeepEqual(flows, last);
    assert.equal(await openflow.flows(bridge), flows);
    last = flows;
  }
});

test('a port that goes, comes back under another number, and one that is new, are known by what they are now', async () => {
  const bridge = 'br2';
  let told = Promise.withResolvers<void>();
  const mirror = await mirrored(bridge, () => told.resolve());
  try {
    const out = { ...arp, actions: `output:${bridge}_100` };
    await mirror.replace([drop, out].map(printFlow));
    for (const change of [() => vsctl(`del-port ${bridge}_100`), () => addPort(bridge, 200)]) {
      told = Promise.withResolvers();
      await change();
      await told.promise;
      await agree(mirror, bridge);
    }
    await mirror.replace([drop, out].map(printFlow));
    await agree(mirror, bridge);
    assert.ok((await mirror.lines()).has(printFlow(out)));
  } finally {
    await mirror.close();
  }
});

test('somebody who changes the same flows at the same time is seen, whoever was first', async () => {
  const bridge = 'br3';
  const mirror = await mirrored(bridge);
  try {
    const flow = (index: number, actions: string): Flow => ({ ...drop, priority: index + 1, match: 'ip', actions });
    const all = (actions: string): readonly Flow[] => Array.from({ length: 20 }, (_, index) => flow(index, actions));
    for (let round = 0; round < 60; round += 1) {
      const others = [
        openflow.bundle(bridge, all(round % 2 === 0 ? 'NORMAL' : 'IN_PORT'), []),
        openflow.bundle(bridge, [], all('drop').slice(0, round % 20)),
      ];
      // They have to connect first: some are before ours, some after, some between what is asked and what is answered.
      await sleep((round % 12) / 4);
      await Promise.all([mirror.replace(all('drop').map(printFlow)), ...others]);
      await agree(mirror, bridge);
    }
  } finally {
    await mirror.close();
  }
});

test('a switch that could not tell all, as nobody listened, is read anew', async () => {
  const bridge = 'br4';
  const mirror = await mirrored(bridge);
  try {
    const many = Array.from({ length: 20_000 }, (_, index) =>
      printFlow({ ...drop, priority: 5, match: `ip,nw_dst=10.1.${index >> 8}.${index & 255}` }),
    );
    const file = join(ovs.folder, 'many');
    writeFileSync(file, many.join('\n'));
    // Blocks this process, which is the one that should listen.
    const options = { env: { ...process.env, ...ovs.env } };
    const { status } = spawnSync('ovs-ofctl', ['-O', 'OpenFlow14', '--bundle', 'add-flows', bridge, file], options);
    assert.equal(status, 0);
    await agree(mirror, bridge);
    assert.equal((await mirror.lines()).size, many.length);
    assert.deepEqual(await mirror.replace([printFlow(drop)]), { added: 1, removed: many.length });
    await agree(mirror, bridge);
  } finally {
    await mirror.close();
  }
});

test('when the bridge goes, the mirror says so, and answers nothing more', async () => {
  const mirror = await mirrored('br5');
  await vsctl('del-br br5');
  assert.equal((await mirror.ended).code, 'host');
  await assert.rejects(mirror.lines(), { code: 'host' });
  await assert.rejects(mirror.replace([printFlow(drop)]), { code: 'host' });
});
