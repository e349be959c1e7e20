// The topology of the profiles and of odd states.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OpError } from '../../error.ts';
import { parse } from '../state/parse.ts';
import type { State } from '../state/schema.ts';
import type { Topology } from '../topology.ts';
import { endpoints, topology } from './build.ts';
import { bridgeMac, containerMac, portNumber } from './number.ts';

const good = readFileSync(join(import.meta.dirname, '../state/golden/good.input'), 'utf8');
const resolved = {
  'engage.cloudflareclient.com': ['162.159.192.9', '162.159.192.10', '2606:4700::1', '20.0.0.1'],
  'vps.example.com': ['198.51.100.7'],
};

function state(value: unknown): State {
  const outcome = parse(typeof value === 'string' ? value : JSON.stringify(value));
  assert.ok('state' in outcome, JSON.stringify(outcome));
  return outcome.state;
}

const client = topology(state(good), resolved);

test("a mesh's WireGuard is published on a port of its id, and two containers never have the same", () => {
  const one = (id: number) => ({ id, name: `app-${id}`, properties: { network_type: 'netmaker' } });
  const network = { ipv4: '10.1.0.9/24' };
  const both = topology(state({ lxc: { containers: [one(104), { ...one(300), network }] } }), {});
  const port = (number: number, to: string) => ({ protocol: 'udp', port: number, to, from: 'anywhere' });
  assert.deepEqual(both.published, [port(51925, both.members[0]?.address.ip ?? ''), port(52121, '10.1.0.9')]);
  const clash = JSON.stringify({ lxc: { containers: [one(104), { ...one(13104), network }] } });
  const outcome = parse(clash);
  assert.ok('problems' in outcome);
  assert.match(outcome.problems.map(({ message }) => message).join('\n'), /udp 51925 is published by another/);
});

/** Places tell of the order in the file, and nothing else may. */
function placeless(whole: Topology): unknown {
  return JSON.parse(JSON.stringify(whole, (key, value: unknown) => (key === 'place' ? undefined : value)));
}

test('the client chain leads 100 → 101 → 102 → host, and starts from the exit', () => {
  assert.deepEqual(
    client.members.map(({ id, role, next, order }) => ({ id, role, next, order })),
    [
      { id: 100, role: 'gateway', next: 101, order: 2 },
      { id: 101, role: 'warp', next: 102, order: 1 },
      { id: 102, role: 'proxy-client', next: 'host', order: 0 },
    ],
  );
  assert.equal(client.level, 3);
  assert.equal(client.members[0]?.policy?.name, 'wireguard-to-warp');
});

test('warp and proxy are pinned to the smallest of their resolved addresses', () => {
  assert.deepEqual(endpoints(state(good)), ['engage.cloudflareclient.com', 'vps.example.com']);
  assert.deepEqual(
    client.members.map(({ pin }) => pin),
    [
      null,
      { protocol: 'udp', to: { ip: '20.0.0.1', port: 2408 } },
      { protocol: 'tcp', to: { ip: '198.51.100.7', port: 443 } },
    ],
  );
  assert.deepEqual(client.members[1]?.warp?.resolved, { ip: '20.0.0.1', port: 2408 });
  assert.deepEqual(client.exits, [{ ip: '10.0.0.102', pin: client.members[2]?.pin }]);
  assert.deepEqual(client.published, [{ protocol: 'udp', port: 51820, to: '10.0.0.100', from: 'lan' }]);
});

test('an address needs no name server, a name without an IPv4 address is an error of the host', () => {
  const literal = good
    .replace('engage.cloudflareclient.com', '162.159.192.1')
    .replace('vps.example.com', '198.51.100.7');
  assert.deepEqual(endpoints(state(literal)), []);
  assert.equal(topology(state(literal), {}).members[1]?.warp?.resolved.ip, '162.159.192.1');
  for (const answers of [{}, { ...resolved, 'vps.example.com': [] }, { ...resolved, 'vps.example.com': ['::1'] }])
    assert.throws(
      () => topology(state(good), answers),
      (error) => error instanceof OpError && error.code === 'host',
    );
});

test('the WARP container has an alias row over its device', () => {
  const [gateway, warp] = client.members;
  assert.deepEqual(warp?.port, { row: 'wg-warp', device: 'internal_101', ofport: 32869 });
  assert.equal(warp?.device, 'internal_101');
  assert.deepEqual(gateway?.port, { row: 'internal_100', device: 'internal_100', ofport: 32868 });
  assert.equal(gateway?.mac, '02:0a:00:01:00:64');
  assert.equal(gateway?.gateway, '10.0.0.1');
});

test('policies find a port by its row as well as by its device', () => {
  assert.deepEqual(topology(state(good.replace('"port": "internal_101"', '"port": "wg-warp"')), resolved), client);
});

test('the bridge has the first address of its subnet, the one of the state, or none without containers', () => {
  const bridge = { name: 'ovsbr0', mac: '02:0a:00:00:00:01', chain: true };
  assert.deepEqual(client.bridges, [{ ...bridge, address: { ip: '10.0.0.1', prefix: 24 }, subnet: '10.0.0.0/24' }]);
  const own = good.replace('"name": "ovsbr0",', '"name": "ovsbr0", "address": "10.0.0.254/24",');
  assert.equal(topology(state(own), resolved).members[0]?.gateway, '10.0.0.254');
  const none = topology(state({ openflow: { bridges: [{ name: 'ovsbr0' }] } }), {});
  assert.deepEqual(none.bridges, [{ ...bridge, chain: false, address: null, subnet: null }]);
});

test('containers without policy and role are no chain; veth is eth0 inside', () => {
  const plain = topology(
    state({ lxc: { containers: [{ id: 105, name: 'web', network: { veth: true, ipv4: '10.0.0.105/24' } }] } }),
    {},
  );
  const [web] = plain.members;
  assert.equal(plain.bridges[0]?.chain, false);
  assert.deepEqual(
    [web?.mode, web?.device, web?.port.device, web?.role, web?.next],
    ['veth', 'eth0', 'veth105', 'plain', null],
  );
  assert.deepEqual([plain.exits, plain.published], [[], []]);
  const steered = {
    lxc: {
      containers: [
        { id: 104, name: 'a' },
        { id: 105, name: 'b' },
      ],
    },
    openflow: {
      flow_policies: [
        { name: 'p', selector: 'container:104', template: { actions: [{ type: 'output', port: 'internal_105' }] } },
      ],
    },
  };
  assert.equal(topology(state(steered), {}).bridges[0]?.chain, true);
});

const general = (more: object = {}, policies: readonly object[] = []): Topology => {
  const containers = [
    {
      id: 104,
      name: 'app',
      template: 'debian-12',
      properties: { network_type: 'netmaker', template: 'debian-netmaker' },
    },
    { id: 105, name: 'web', network: { veth: true, ipv4: '10.0.0.105/24' }, ...more },
  ];
  return topology(state({ lxc: { containers }, openflow: { flow_policies: policies } }), {});
};

test('what joins a mesh leaves by the uplink unless a policy says otherwise, and properties.template wins', () => {
  const [app, web] = general().members;
  assert.deepEqual(
    [app?.netmaker, app?.template, app?.bridge, app?.gateway, app?.next, app?.policy?.table, app?.policy?.priority],
    [true, 'debian-netmaker', 'mesh', '10.1.0.1', 'host', 19, 1],
  );
  assert.deepEqual([web?.netmaker, web?.next], [false, null]);
  assert.deepEqual(general().exits, [{ ip: '10.1.0.104', pin: null }]);
  const drop = { name: 'shut', selector: 'container:104', template: { actions: [{ type: 'drop' }] } };
  const shut = general({}, [drop]);
  assert.deepEqual([shut.members[0]?.next, shut.members[0]?.policy?.name, shut.exits], [null, 'shut', []]);
});

test('a bridge is closed as soon as one of its containers says its network_type', () => {
  const closed = (whole: Topology) => whole.bridges.map(({ name, chain }) => `${name} ${chain}`);
  assert.deepEqual(closed(general()), ['ovsbr0 false', 'mesh true']);
  assert.deepEqual(closed(general({ properties: { network_type: 'bridge' } })), ['ovsbr0 true', 'mesh true']);
  assert.deepEqual(closed(general({ properties: { template: 'debian-12' } })), ['ovsbr0 false', 'mesh true']);
});

test('a role alone makes a chain', () => {
  const alone = JSON.parse(good) as {
    lxc: { containers: unknown[] };
    openflow: { flow_policies: unknown; bridges: unknown };
  };
  alone.lxc.containers.splice(1);
  alone.openflow.flow_policies = [];
  alone.openflow.bridges = [{ name: 'ovsbr0' }];
  const { bridges, members } = topology(state(alone), {});
  assert.deepEqual([bridges[0]?.chain, members[0]?.role, members[0]?.next], [true, 'gateway', null]);
});

test('drop leads nowhere', () => {
  const dropped = topology(state(good.replace('"type": "normal"', '"type": "drop"')), resolved);
  assert.deepEqual([dropped.members[2]?.next, dropped.exits], [null, []]);
  assert.deepEqual(
    dropped.members.map(({ order }) => order),
    [2, 1, 0],
  );
});

test("users' flows are translated to devices, prerequisites first", () => {
  const network = { wg_tunnel: true, port_name: 'wg-warp', ipv4: '10.0.0.101/24' };
  const flows = [
    {
      match_fields: { tp_dst: 80, in_port: 'wg-warp', tcp: '' },
      actions: [
        { type: 'output', port: 'wg-warp' },
        { type: 'output', port: 'ovsbr0' },
      ],
    },
    { priority: 5, match_fields: { tp_dst: 53, nw_proto: 17, dl_type: '0x800' }, actions: [{ type: 'drop' }] },
    { priority: 6, match_fields: { in_port: 'ovsbr0' }, actions: [{ type: 'normal' }] },
  ];
  const value = {
    lxc: { containers: [{ id: 101, name: 'a', network }] },
    openflow: { bridges: [{ name: 'ovsbr0', flows }] },
  };
  const bridge = { bridge: 'ovsbr0', table: 10, cookie: null, idleTimeout: null, hardTimeout: null };
  assert.deepEqual(topology(state(value), {}).flows, [
    {
      ...bridge,
      place: 'bridges[0].flows[0]',
      priority: 1000,
      match: 'tcp,in_port=internal_101,tp_dst=80',
      actions: 'output:internal_101,output:LOCAL',
    },
    {
      ...bridge,
      place: 'bridges[0].flows[1]',
      priority: 5,
      match: 'dl_type=0x800,nw_proto=17,tp_dst=53',
      actions: 'drop',
    },
    { ...bridge, place: 'bridges[0].flows[2]', priority: 6, match: 'in_port=LOCAL', actions: 'NORMAL' },
  ]);
});

test('of several policies the lowest table steers, there the highest priority; the others are kept in that order', () => {
  const containers = [100, 101, 102].map((id) => ({ id, name: `c${id}` }));
  const policy = (name: string, selector: string, template: object): object => ({ name, selector, template });
  const to = (port: string): object => ({ actions: [{ type: 'output', port }] });
  const flow_policies = [
    policy('all', 'container:*', { ...to('internal_102'), priority: 500 }),
    policy('late', 'container:100', { actions: [{ type: 'drop' }], table: 11, priority: 9000 }),
    policy('own', 'container:100', { ...to('internal_101'), cookie: '0xBEEF00AA' }),
    policy('exit', 'container:102', { actions: [{ type: 'normal' }] }),
    policy('b', 'container:*', {
      actions: [{ type: 'drop' }],
      match_fields: { udp: '' },
      priority: 700,
      table: 12,
      cookie: '0xBEEF00BB',
    }),
    policy('a', 'container:100-101', { actions: [{ type: 'drop' }], match_fields: { tcp: '' }, priority: 800 }),
  ];
  const whole = topology(state({ lxc: { containers }, openflow: { flow_policies } }), {});
  assert.deepEqual(
    whole.members.map(({ next, order, policy: first, overridden }) => [
      next,
      order,
      first?.name,
      first?.cookie,
      first?.place,
      overridden.map((one) => [one.name, one.next]),
    ]),
    [
      [
        101,
        2,
        'own',
        '0xbeef00aa',
        'flow_policies[2] "own"',
        [
          ['all', 102],
          ['late', null],
        ],
      ],
      [102, 1, 'all', null, 'flow_policies[0] "all"', []],
      ['host', 0, 'exit', null, 'flow_policies[3] "exit"', []],
    ],
  );
  assert.deepEqual(
    whole.flows.map(({ match, cookie, place }) => [match, cookie, place]),
    [
      ['tcp,in_port=internal_100', '0xbeef0064', 'flow_policies[5] "a"'],
      ['udp,in_port=internal_100', '0xbeef00bb', 'flow_policies[4] "b"'],
      ['tcp,in_port=internal_101', '0xbeef0065', 'flow_policies[5] "a"'],
      ['udp,in_port=internal_101', '0xbeef00bb', 'flow_policies[4] "b"'],
      ['udp,in_port=internal_102', '0xbeef00bb', 'flow_policies[4] "b"'],
    ],
  );
});

test('the order of containers and policies in the file does not matter', () => {
  const shuffled = JSON.parse(good) as { lxc: { containers: unknown[] }; openflow: { flow_policies: unknown[] } };
  shuffled.lxc.containers.reverse();
  shuffled.openflow.flow_policies.reverse();
  assert.deepEqual(placeless(topology(state(shuffled), resolved)), placeless(client));
});

test('port numbers stay in the range that Open vSwitch never hands out, and numbers of valid ids differ', () => {
  const id = fc.integer({ min: 100, max: 65000 });
  fc.assert(
    fc.property(id, id, (a, b) => {
      assert.ok(portNumber(a) >= 32768 && portNumber(a) < 65280);
      assert.equal(containerMac(a) === containerMac(b), a === b);
      assert.equal(portNumber(a) === portNumber(b), (a - b) % 32512 === 0);
      assert.match(containerMac(a), /^02:0a:00:01:[0-9a-f]{2}:[0-9a-f]{2}$/);
    }),
  );
  assert.equal(bridgeMac(0), '02:0a:00:00:00:01');
});
