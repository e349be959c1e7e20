// Policies and their containers: selectors, variables, and what two of them say of one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parse } from './parse.ts';
import { policyFlows } from './placed.ts';
import { isPattern, selects, type Target } from './selector.ts';

const id = fc.integer({ min: 100, max: 65000 });
const target: fc.Arbitrary<Target> = fc
  .record({ id, host: fc.integer({ min: 2, max: 254 }), prefix: fc.constantFrom('internal_', 'veth') })
  .map(({ id: number, host, prefix }) => ({
    id: number,
    name: `c${number}`,
    bridge: 'ovsbr0',
    row: `${prefix}${number}`,
    device: `internal_${number}`,
    mac: `02:0a:00:01:00:${host.toString(16).padStart(2, '0')}`,
    ip: `10.0.0.${host}`,
  }));

test('a range, a name, a star and a glob mean whom they say', () => {
  fc.assert(
    fc.property(target, id, id, (one, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      assert.equal(selects(`container:${low}-${high}`, one), low <= one.id && one.id <= high);
      assert.equal(selects(`container:${a}`, one), one.id === a);
      assert.ok(
        selects(`container:${one.id}`, one) && selects('container:*', one) && selects(`container:${one.name}`, one),
      );
      assert.ok(!selects(`container:${one.name}x`, one) && !selects('container:c', one));
      assert.ok(selects(`port:${one.row}`, one) && selects(`port:${one.device}`, one) && selects('port:*', one));
      assert.equal(selects('port:veth*', one), one.row.startsWith('veth'));
      assert.ok(selects(`port:${one.device.slice(0, -1)}?`, one) && !selects(`port:${one.device}?`, one));
      assert.ok(!selects(`port:${one.row.slice(0, -1)}`, one) && !selects(`port:${one.row.slice(1)}`, one));
    }),
  );
  const patterns = ['container:*', 'container:100-199', 'port:veth*', 'port:veth10?'];
  assert.ok(patterns.every(isPattern));
  assert.ok(!['container:100', 'container:xray-client', 'port:veth104'].some(isPattern));
});

test('variables are replaced wherever they may stand, and nothing else changes', () => {
  const word = fc.array(fc.constantFrom('{container_id}', '{port_name}', '{ip}', '{mac}', 'x', '-', '7'), {
    minLength: 1,
  });
  const text = word.map((parts) => parts.join(''));
  fc.assert(
    fc.property(target, text, text, text, fc.nat(), (one, match, value, port, number) => {
      const actions = [
        { type: 'set_field' as const, field: 'reg1', value },
        { type: 'set_field' as const, field: 'reg2', value: number },
        { type: 'output' as const, port },
      ];
      const template = { match_fields: { nw_src: match, tp_dst: number }, actions };
      const [placed] = policyFlows(
        { openflow: { flow_policies: [{ name: 'p', selector: 'container:*', template }] } },
        [one],
      );
      const filled = (given: string): string =>
        given
          .replaceAll('{container_id}', `${one.id}`)
          .replaceAll('{port_name}', one.row)
          .replaceAll('{ip}', one.ip)
          .replaceAll('{mac}', one.mac);
      assert.deepEqual(placed?.flow, {
        match_fields: { nw_src: filled(match), tp_dst: number, in_port: one.row },
        actions: [
          { type: 'set_field', field: 'reg1', value: filled(value) },
          { type: 'set_field', field: 'reg2', value: number },
          { type: 'output', port: filled(port) },
        ],
      });
      assert.doesNotMatch(JSON.stringify(placed?.flow), /\{(container_id|port_name|ip|mac)\}/);
    }),
  );
});

/** Two policies and a flow in this order, in a file with two containers: whether it is refused. */
function refused(policies: readonly object[], flows: readonly object[]): boolean {
  const containers = [100, 101].map((number) => ({
    id: number,
    name: `c${number}`,
    network: { ipv4: `10.0.0.${number}/24` },
  }));
  const openflow = { flow_policies: policies, bridges: [{ name: 'ovsbr0', flows }] };
  return 'problems' in parse(JSON.stringify({ lxc: { containers }, openflow }));
}

test('whether two contradict each other does not depend on which comes first', () => {
  const any = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
  const body = {
    table: any(10, 11),
    priority: any(1000, 1001),
    match_fields: any({}, { tcp: '', tp_dst: 80 }, { ip: '', nw_proto: 6, tcp_dst: '0x50' }, { udp: '', tp_dst: 80 }),
    actions: any([{ type: 'drop' }], [{ type: 'normal' }], [{ type: 'controller' }, { type: 'normal' }]),
  };
  const template = fc.record(body);
  const policy = fc.tuple(any('container:100', 'container:*', 'container:101', 'port:internal_10?'), template);
  const flow = fc.record({ ...body, match_fields: any({ tcp: '', tp_dst: 80, in_port: 'internal_100' }, { udp: '' }) });
  const outcomes = { refused: 0, taken: 0 };
  fc.assert(
    fc.property(policy, policy, flow, flow, ([one, first], [two, second], a, b) => {
      const list = [
        { name: 'a', selector: one, template: first },
        { name: 'b', selector: two, template: second },
      ];
      const outcome = refused(list, [a, b]);
      outcomes[outcome ? 'refused' : 'taken'] += 1;
      assert.equal(refused(list.toReversed(), [a, b]), outcome);
      assert.equal(refused(list, [b, a]), outcome);
    }),
    { numRuns: 200 },
  );
  assert.ok(outcomes.refused > 20 && outcomes.taken > 5, JSON.stringify(outcomes));
});
