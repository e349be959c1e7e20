// Ports that the file doesn't name: which are members, which are not and why.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../state/parse.ts';
import type { State } from '../state/schema.ts';
import type { Discovered } from '../topology.ts';
import { bridgesOf, topology } from './build.ts';
import { discover } from './discover.ts';

const containers = [
  { id: 100, name: 'a', network: { ipv4: '10.0.0.100/24' } },
  { id: 101, name: 'b', network: { ipv4: '10.0.0.150/24', port_name: 'internal_777' } },
];
const steer = {
  name: 'all',
  selector: 'container:*',
  template: { priority: 500, actions: [{ type: 'output', port: 'internal_100' }] },
};
const watch = {
  name: 'watch',
  selector: 'port:veth*',
  template: { priority: 2000, match_fields: { tcp: '', nw_src: '{ip}', dl_src: '{mac}' }, actions: [{ type: 'drop' }] },
};

function stateOf(policies: readonly object[], more: object = {}): State {
  const openflow = { auto_discover_containers: true, flow_policies: policies, ...more };
  const parsed = parse(JSON.stringify({ lxc: { containers }, openflow }));
  assert.ok('state' in parsed, JSON.stringify(parsed));
  return parsed.state;
}

function port(name: string, more: Partial<Discovered> = {}): Discovered {
  return { bridge: 'ovsbr0', port: name, device: name, ofport: 3, mac: null, ...more };
}

function notesOf(state: State, ...found: readonly Discovered[]): readonly string[] {
  return discover(state, bridgesOf(state), found).notes;
}

test('a port with an id in its name is a member with the address of that id, and no other kind sees it', () => {
  const state = stateOf([steer, watch]);
  const whole = topology(state, {}, [port('veth200i0', { ofport: 9, mac: 'bc:24:11:00:00:01' }), port('internal_104')]);
  assert.deepEqual(
    whole.discovered.map(({ id, name, mac, address, port: at, next, discovered }) => [
      id,
      name,
      mac,
      address.ip,
      at.ofport,
      next,
      discovered,
    ]),
    [
      [104, 'internal_104', '02:0a:00:01:00:68', '10.0.0.104', 3, 100, true],
      [200, 'veth200i0', 'bc:24:11:00:00:01', '10.0.0.200', 9, 100, true],
    ],
  );
  const { discovered: _, flows, ...rest } = whole;
  const { discovered: _none, flows: _own, ...without } = topology(state, {});
  assert.deepEqual(rest, without);
  assert.deepEqual(
    flows.map(({ match, place }) => [match, place]),
    [['tcp,dl_src=bc:24:11:00:00:01,in_port=veth200i0,nw_src=10.0.0.200', 'flow_policies[1] "watch"']],
  );
});

test('the notes say who was discovered and which policies select him, and which select nobody', () => {
  assert.deepEqual(notesOf(stateOf([steer, watch]), port('veth200')), [
    'veth200 on ovsbr0 was discovered: container 200, 10.0.0.200; selected by flow_policies[0] "all", flow_policies[1] "watch".',
  ]);
  assert.deepEqual(notesOf(stateOf([watch]), port('internal_104')), [
    'internal_104 on ovsbr0 was discovered: container 104, 10.0.0.104; no policy selects it.',
    'policy watch selects nobody as yet: port:veth*.',
  ]);
});

test('what the file has already wins, and each port that is left alone has its reason', () => {
  const state = stateOf([steer], { bridges: [{ name: 'ovsbr0' }, { name: 'empty' }] });
  const cases: readonly (readonly [Discovered, RegExp])[] = [
    [port('eth1'), /its name holds no id/],
    [port('veth99'), /its name holds no id/],
    [port('veth65001'), /its name holds no id/],
    [port('veth100i0'), /id 100 is taken/],
    [port('veth150'), /its address 10\.0\.0\.150 is taken/],
    [port('veth777', { device: 'internal_777' }), /a port of that name is in the file/],
    [port('veth300'), /ovsbr0 has no address for id 300/],
    [port('veth255'), /ovsbr0 has no address for id 255/],
    [port('veth120', { bridge: 'empty' }), /empty has no address for id 120/],
  ];
  for (const [one, reason] of cases) {
    const [note = ''] = notesOf(state, one);
    assert.match(note, reason);
    assert.match(note, /is left alone/);
    assert.deepEqual(topology(state, {}, [one]).discovered, []);
  }
  const [first, second] = notesOf(state, port('veth120'), port('internal_120'));
  assert.match(first ?? '', /^internal_120 .* was discovered/);
  assert.match(second ?? '', /^veth120 .* id 120 is taken/);
});

test('a port for which policies contradict each other is left alone', () => {
  const drop = { name: 'drop', selector: 'port:veth*', template: { priority: 500, actions: [{ type: 'drop' }] } };
  const state = stateOf([steer, drop]);
  const [note = ''] = notesOf(state, port('veth120'));
  assert.match(
    note,
    /^veth120 on ovsbr0 is left alone: a policy doesn't fit \(openflow\.flow_policies\[1\]: has for container 120 the/,
  );
  assert.equal(topology(state, {}, [port('veth120'), port('internal_121')]).discovered.length, 1);
});

test('nobody is discovered unless the file asks for it', () => {
  const state = stateOf([steer], { auto_discover_containers: false });
  assert.deepEqual(topology(state, {}, [port('veth120')]).discovered, []);
  assert.deepEqual(notesOf(state, port('veth120')), []);
});
