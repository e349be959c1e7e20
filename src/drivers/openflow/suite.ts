// What every OpenFlow does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsWatch } from '../watch.suite.ts';
import type { Flow, Mirror, OpenFlow } from './contract.ts';
import { parseFlow, printFlow, sortFlows } from './text.ts';

/** A switch with the bridge `ovsbr0` without flows: its port `internal_100` is 32868, and no port is 32869. */
export type Given = {
  readonly openflow: OpenFlow;
  /** Makes the port `more` on it, or takes it away. */
  readonly port: (there: boolean) => Promise<void>;
};

const drop = parseFlow('cookie=0xdead0fff, priority=0 actions=drop');
const pin = parseFlow(
  'cookie=0xdead0100, priority=1000,ip,in_port=internal_100,dl_src=02:0a:00:01:00:64 actions=goto_table:2',
);
const arp = parseFlow('cookie=0xdead0004, table=1, priority=1000,arp,arp_tpa=10.0.0.100 actions=output:internal_100');
const foreign = parseFlow('table=3, tcp,tp_dst=22 actions=NORMAL');

/** `make` is called once a test. */
export function openflowSuite(title: string, make: () => Promise<Given>): void {
  const has = async (openflow: OpenFlow, flows: readonly Flow[]): Promise<void> =>
    assert.deepEqual(sortFlows(await openflow.flows('ovsbr0')).map(printFlow), sortFlows(flows).map(printFlow));

  test(`${title}: what was added reads back word for word, whosever it is`, async () => {
    const { openflow } = await make();
    await has(openflow, []);
    await openflow.bundle('ovsbr0', [drop, pin, arp, foreign], []);
    await has(openflow, [drop, pin, arp, foreign]);
  });

  test(`${title}: adding a flow again changes its actions and cookie, and adds none`, async () => {
    const { openflow } = await make();
    await openflow.bundle('ovsbr0', [pin, drop], []);
    const changed = { ...pin, cookie: '0xdead0200', actions: 'drop' };
    await openflow.bundle('ovsbr0', [changed], []);
    await has(openflow, [changed, drop]);
  });

  test(`${title}: a delete takes the flow of the same table, priority, match and cookie, and no other`, async () => {
    const { openflow } = await make();
    await openflow.bundle('ovsbr0', [pin, drop, arp], []);
    await openflow.bundle(
      'ovsbr0',
      [],
      [
        { ...arp, cookie: '0xdead0005' },
        { ...arp, priority: 999 },
        { ...arp, table: 4 },
      ],
    );
    await has(openflow, [pin, drop, arp]);
    await openflow.bundle('ovsbr0', [], [drop, arp, { ...pin, actions: 'drop' }]);
    await has(openflow, []);
  });

  test(`${title}: a bundle deletes before it adds`, async () => {
    const { openflow } = await make();
    await openflow.bundle('ovsbr0', [arp], []);
    await openflow.bundle('ovsbr0', [{ ...arp, actions: 'drop' }], [arp]);
    await has(openflow, [{ ...arp, actions: 'drop' }]);
  });

  test(`${title}: a port that is absent is known by its number, in and out`, async () => {
    const { openflow } = await make();
    const numbered = parseFlow('cookie=0xbeef0065, table=10, priority=1000,ip,in_port=32869 actions=output:32869');
    await openflow.bundle('ovsbr0', [numbered], []);
    await has(openflow, [numbered]);
    const named = { ...arp, actions: 'output:32868' };
    await openflow.bundle('ovsbr0', [named], []);
    await has(openflow, [numbered, arp]);
  });

  test(`${title}: a delete by the name of a port that is gone is refused; by its number it takes the flow`, async () => {
    const { openflow } = await make();
    const numbered = parseFlow('cookie=0xbeef0065, table=10, priority=1000,ip,in_port=32869 actions=output:32869');
    await openflow.bundle('ovsbr0', [numbered, drop], []);
    const named = { ...numbered, match: 'ip,in_port=internal_101' };
    await assert.rejects(openflow.bundle('ovsbr0', [], [drop, named]), { code: 'protocol', message: /internal_101/ });
    await has(openflow, [numbered, drop]);
    await openflow.bundle('ovsbr0', [], [drop, numbered]);
    await has(openflow, []);
  });

  test(`${title}: a bundle with one bad flow does nothing, and the error names the flow`, async () => {
    const { openflow } = await make();
    await openflow.bundle('ovsbr0', [drop], []);
    const bad: readonly (readonly [Flow, RegExp])[] = [
      [{ ...arp, actions: 'output:internal_999' }, /internal_999.*arp_tpa=10\.0\.0\.100/],
      [{ ...arp, actions: 'goto_table:0' }, /OFPBIC_BAD_TABLE_ID.*arp_tpa=10\.0\.0\.100/],
      [{ ...arp, match: 'tp_dst=80' }, /tp_dst needs tcp/],
    ];
    for (const [flow, message] of bad)
      await assert.rejects(openflow.bundle('ovsbr0', [pin, flow], [drop]), { code: 'protocol', message });
    await has(openflow, [drop]);
  });

  test(`${title}: meters are put, changed in place and removed, and a flow that uses one keeps it`, async () => {
    const { openflow } = await make();
    const one = { id: 4100, unit: 'pktps', rate: 50, burst: 100 } as const;
    const two = { id: 4200, unit: 'kbps', rate: 1000, burst: 10 } as const;
    const limited = { ...arp, actions: 'meter:4100,output:internal_100' };
    assert.deepEqual(await openflow.meters('ovsbr0'), []);
    await openflow.putMeters('ovsbr0', [two, one]);
    assert.deepEqual(await openflow.meters('ovsbr0'), [one, two]);
    await openflow.bundle('ovsbr0', [limited], []);
    await openflow.putMeters('ovsbr0', [{ ...one, rate: 60 }]);
    assert.deepEqual(await openflow.meters('ovsbr0'), [{ ...one, rate: 60 }, two]);
    await has(openflow, [limited]);
    await openflow.removeMeters('ovsbr0', [4200, 4300]);
    assert.deepEqual(await openflow.meters('ovsbr0'), [{ ...one, rate: 60 }]);
  });

  test(`${title}: a meter that a flow uses is not removed, for the switch would delete the flow`, async () => {
    const { openflow } = await make();
    const meter = { id: 4100, unit: 'pktps', rate: 50, burst: 100 } as const;
    await openflow.putMeters('ovsbr0', [meter]);
    const limited = { ...arp, actions: 'meter:4100,output:internal_100' };
    await openflow.bundle('ovsbr0', [limited], []);
    await assert.rejects(openflow.removeMeters('ovsbr0', [4100]), { code: 'foreign', message: /4100/ });
    await has(openflow, [limited]);
    await openflow.bundle('ovsbr0', [], [limited]);
    await openflow.removeMeters('ovsbr0', [4100]);
    assert.deepEqual(await openflow.meters('ovsbr0'), []);
  });

  test(`${title}: a flow with a meter that is not there is refused, and so is a meter that the switch can not have`, async () => {
    const { openflow } = await make();
    const limited = { ...arp, actions: 'meter:4100,output:internal_100' };
    await assert.rejects(openflow.bundle('ovsbr0', [drop, limited], []), {
      code: 'protocol',
      message: /OFPMMFC_(INVALID|UNKNOWN)_METER.*arp_tpa=10\.0\.0\.100/,
    });
    await has(openflow, []);
    const meter = { id: 0, unit: 'pktps', rate: 50, burst: 100 } as const;
    await assert.rejects(openflow.putMeters('ovsbr0', [meter]), {
      code: 'protocol',
      message: /meter 0: .*OFPMMFC_INVALID_METER/,
    });
  });

  test(`${title}: timeouts stand in front of the match, and read back`, async () => {
    const { openflow } = await make();
    const timed = { ...arp, match: `idle_timeout=60,hard_timeout=600,${arp.match}` };
    await openflow.bundle('ovsbr0', [timed], []);
    await has(openflow, [timed]);
    await openflow.bundle('ovsbr0', [], [timed]);
    await has(openflow, []);
  });

  test(`${title}: a bridge that is missing is an error of the host`, async () => {
    const { openflow } = await make();
    await assert.rejects(openflow.flows('absent'), { code: 'host', message: /absent/ });
    await assert.rejects(openflow.bundle('absent', [drop], []), { code: 'host', message: /absent/ });
  });

  test(`${title}: a watch tells of each change of flows and ports, and of none on a bridge that is missing`, async () => {
    const { openflow, port } = await make();
    await keepsWatch((changed) => openflow.watch('ovsbr0', changed), {
      'a flow is added': () => openflow.bundle('ovsbr0', [arp, drop], []),
      'its actions change': () => openflow.bundle('ovsbr0', [{ ...arp, actions: 'drop' }], []),
      'its cookie changes': () => openflow.bundle('ovsbr0', [{ ...arp, cookie: '0xbeef0001', actions: 'drop' }], []),
      'a foreign flow is added': () => openflow.bundle('ovsbr0', [foreign], []),
      'a flow is removed': () => openflow.bundle('ovsbr0', [], [drop]),
      'a port is made': () => port(true),
      'a port is removed': () => port(false),
    });
    await assert.rejects(
      openflow.watch('ovsbr9', () => {}),
      { code: 'host', message: /ovsbr9/ },
    );
  });

  test(`${title}: flushing a zone without connections is quiet`, async () => {
    const { openflow } = await make();
    await openflow.flushZone(44100);
  });

  /** A mirror of flows whose cookie begins with 0xdead, and a promise of the next change by others. */
  const mirrored = async (
    openflow: OpenFlow,
  ): Promise<{ readonly mirror: Mirror; readonly next: () => Promise<void>; readonly told: () => number }> => {
    let told = 0;
    let next = Promise.withResolvers<void>();
    const changed = (): void => {
      told += 1;
      next.resolve();
      next = Promise.withResolvers<void>();
    };
    const mirror = await openflow.mirror('ovsbr0', { mine: ({ cookie }) => cookie.startsWith('0xdead'), changed });
    return { mirror, next: () => next.promise, told: () => told };
  };
  const same = async (mirror: Mirror, flows: readonly Flow[]): Promise<void> =>
    assert.deepEqual([...(await mirror.lines())].toSorted(), flows.map(printFlow).toSorted());

  test(`${title}: a mirror has what is there, and follows what others change`, async () => {
    const { openflow } = await make();
    await openflow.bundle('ovsbr0', [drop, pin, foreign], []);
    const { mirror, next } = await mirrored(openflow);
    try {
      await same(mirror, [drop, pin]);
      let change = next();
      await openflow.bundle('ovsbr0', [arp], []);
      await change;
      await same(mirror, [drop, pin, arp]);
      change = next();
      await openflow.bundle('ovsbr0', [{ ...arp, actions: 'drop' }], []);
      await change;
      await same(mirror, [drop, pin, { ...arp, actions: 'drop' }]);
      change = next();
      await openflow.bundle('ovsbr0', [], [pin]);
      await change;
      await same(mirror, [drop, { ...arp, actions: 'drop' }]);
    } finally {
      await mirror.close();
    }
  });

  test(`${title}: a mirror sends what differs and nothing else, leaves others' flows, and knows what it did`, async () => {
    const { openflow } = await make();
    await openflow.bundle('ovsbr0', [drop, foreign], []);
    const { mirror, told } = await mirrored(openflow);
    const steps: readonly (readonly [readonly Flow[], number, number])[] = [
      [[drop, pin, arp], 2, 0],
      [[drop, pin, arp], 0, 0],
      [[drop, { ...pin, cookie: '0xdead0200', actions: 'drop' }], 1, 1],
      [[pin, arp], 2, 1],
      [[], 0, 2],
    ];
    try {
      for (const [flows, added, removed] of steps) {
        assert.deepEqual(await mirror.replace(flows.map(printFlow)), { added, removed });
        await same(mirror, flows);
        await has(openflow, [...flows, foreign]);
      }
      assert.equal(told(), 0);
    } finally {
      await mirror.close();
    }
  });

  test(`${title}: a mirror whose change is refused is as the switch is, and mends what others broke`, async () => {
    const { openflow } = await make();
    const { mirror, next } = await mirrored(openflow);
    try {
      const wanted = [drop, pin].map(printFlow);
      await mirror.replace(wanted);
      assert.deepEqual(await mirror.replace(wanted), { added: 0, removed: 0 });
      const bad = { ...arp, actions: 'goto_table:0' };
      await assert.rejects(mirror.replace([drop, bad].map(printFlow)), { message: /OFPBIC_BAD_TABLE_ID.*arp_tpa/ });
      await same(mirror, [drop, pin]);
      const change = next();
      await openflow.bundle('ovsbr0', [{ ...pin, actions: 'drop' }, arp], [drop]);
      await change;
      assert.deepEqual(await mirror.replace(wanted), { added: 2, removed: 1 });
      await has(openflow, [drop, pin]);
    } finally {
      await mirror.close();
    }
    assert.match((await mirror.ended).message, /closed/);
  });
}
