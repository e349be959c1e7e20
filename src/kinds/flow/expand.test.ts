// The wanted flows: what each level has, whose they are, and what is refused.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Facts, Topology, UserFlow } from '../../core/topology.ts';
import { decodeFlow, encodeFlow } from '../../drivers/openflow/entry.ts';
import { parseFlow, printFlow, sortFlows } from '../../drivers/openflow/text.ts';
import { expand } from './expand.ts';
import { client, none, userFlow, vps } from '../../core/topology/fixture.ts';
import { mixed, topologies } from './fixture.ts';

const golden = new URL('../../../test/golden/', import.meta.url);

function flows(topology: Topology, bridge = 'ovsbr0'): readonly string[] {
  return expand(topology, {} as Facts).find(({ name }) => name === bridge)?.spec.flows ?? [];
}

function own(flow: Partial<UserFlow>): Topology {
  return { ...client, flows: [userFlow({ priority: 2000, ...flow })] };
}

for (const [name, topology] of Object.entries(topologies))
  test(`the flows of ${name} are those of its golden case`, () => {
    const text = expand(topology, {} as Facts)
      .map((one) => `# ${one.name}\n${one.spec.flows.join('\n')}\n`)
      .join('\n');
    const file = new URL(`${name}/flows.txt`, golden);
    if (process.env['UPDATE_GOLDEN'] === '1') {
      mkdirSync(new URL('.', file), { recursive: true });
      writeFileSync(file, text);
    }
    assert.ok(existsSync(file), `${file.pathname} is missing: write it with UPDATE_GOLDEN=1`);
    assert.equal(text, readFileSync(file, 'utf8'));
  });

test('every flow carries our mark, is sorted, and is the canonical text of what the switch is sent', () => {
  for (const topology of Object.values(topologies))
    for (const { spec } of expand(topology, {} as Facts)) {
      const parsed = spec.flows.map(parseFlow);
      assert.ok(parsed.every(({ cookie }) => /^0x(dead|cafe|beef)[0-9a-f]{4}$/.test(cookie)));
      const devices = topology.members.map(({ port }) => port.device);
      const ports = { number: (name: string) => devices.indexOf(name) + 1, name: (port: number) => devices[port - 1] };
      assert.deepEqual(
        parsed.map((flow) => decodeFlow(encodeFlow(flow, ports), ports)),
        parsed,
      );
      assert.deepEqual(sortFlows(parsed).map(printFlow), spec.flows);
    }
});

test('each table of a chain bridge ends in a flow that matches everything, and the last of them drops', () => {
  for (const topology of [client, vps, mixed, { ...client, level: 0 }]) {
    const parsed = flows(topology).map(parseFlow);
    for (const number of new Set(parsed.map(({ table }) => table)))
      assert.equal(
        parsed.filter(({ table, priority, match }) => table === number && priority === 0 && match === '').length,
        1,
      );
    assert.ok(!parsed.some(({ actions }) => /NORMAL|FLOOD|ALL|CONTROLLER/.test(actions)));
  }
});

test('every goto leads to a later table that exists', () => {
  for (const topology of Object.values(topologies))
    for (const { spec } of expand(topology, {} as Facts)) {
      const parsed = spec.flows.map(parseFlow);
      const tables = new Set(parsed.map(({ table }) => table));
      for (const { table, actions } of parsed)
        for (const [, target] of actions.matchAll(/(?:goto_table:|ct\(table=)(\d+)/g)) {
          assert.ok(Number(target) > table);
          assert.ok(tables.has(Number(target)), `table ${target}`);
        }
    }
});

test('security drops come with level 1 and enable_security_flows; pins, pairs and the shut IPv6 are always there', () => {
  const security = /cookie=0xdead00(0[123789cde]|1[0-9a-f]|2[0-3])/;
  const without = { ...client, securityFlows: false };
  for (const open of [
    { ...client, level: 0 },
    { ...without, level: 2 },
  ]) {
    const stay = flows(open).filter((line) => security.test(line));
    assert.deepEqual(stay, ['cookie=0xdead0011, priority=32000,vlan_tci=0x1000/0x1000 actions=drop']);
    assert.ok(flows(open).includes('cookie=0xdead0005, priority=31900,ipv6 actions=drop'));
  }
  // But for the way through the limits' table and ARP's meter, all else is the same.
  const rest = (topology: Topology): readonly string[] =>
    flows(topology)
      .filter((line) => !security.test(line) && !line.includes(' table=2,'))
      .map((line) => line.replace('goto_table:2', 'goto_table:4').replace(/meter:\d+,/, ''));
  assert.deepEqual(rest({ ...client, level: 0 }), rest({ ...client, level: 1 }));
  assert.equal(flows({ ...client, level: 1 }).filter((line) => security.test(line)).length, 20 + 5 * 3);
});

test('level 2 gives transit and what goes to the host one TTL and DSCP', () => {
  assert.ok(!flows({ ...client, level: 1 }).some((line) => /nw_ttl->|->nw_ttl|ip_dscp/.test(line)));
  for (const topology of [client, vps])
    for (const line of flows(topology).filter((one) => /(^|,)LOCAL$/.test(one.split('actions=')[1] ?? '')))
      if (line.includes('table=6')) assert.match(line, /set_field:65->nw_ttl,set_field:0->ip_dscp/);
  assert.ok(flows(vps).some((line) => /^cookie=0xcafe0001, table=8, .*in_port=internal_100 .*65->nw_ttl/.test(line)));
});

test('a policy without a next drops, and a next that is on no port of the bridge opens nothing', () => {
  for (const next of [null, 999]) {
    const [first, ...rest] = client.members;
    assert.ok(first);
    const lines = flows({ ...client, members: [{ ...first, next }, ...rest] });
    assert.ok(lines.includes('cookie=0xbeef0064, table=10, priority=1000,ip,in_port=internal_100 actions=drop'));
    assert.ok(!lines.some((line) => line.includes('0x640065')));
  }
});

test('members of other bridges are not on this one', () => {
  assert.ok(!flows(mixed).some((line) => /veth104|10\.1\.0/.test(line)));
  assert.ok(!flows(mixed, 'mesh').some((line) => /internal_|veth105|10\.0\.0/.test(line)));
});

test('a bridge without a chain is a learning switch with its members pinned', () => {
  assert.ok(flows(none).includes('cookie=0xdead0ffc, table=10, priority=0 actions=NORMAL'));
  assert.deepEqual(flows({ ...none, level: 0 }), [
    'cookie=0xdead0ffd, priority=0 actions=goto_table:10',
    'cookie=0xdead0ffc, table=10, priority=0 actions=NORMAL',
  ]);
  assert.ok(flows(mixed, 'mesh').includes('cookie=0xdead0106, priority=900,in_port=veth104 actions=drop'));
});

test('a policy without a chain drops transit, but not the subnet, or lets it be', () => {
  const member = (next: 'host' | null): Topology => ({
    ...mixed,
    members: mixed.members.map((one) =>
      one.id === 104
        ? { ...one, next, policy: { name: 'mesh', table: 11, priority: 1000, cookie: null, place: '' } }
        : one,
    ),
  });
  const own = (topology: Topology): readonly string[] =>
    flows(topology, 'mesh').filter((line) => line.includes('0xbeef0068'));
  assert.deepEqual(own(member(null)), [
    'cookie=0xbeef0068, table=11, priority=1001,ip,in_port=veth104,nw_dst=10.1.0.0/24 actions=NORMAL',
    'cookie=0xbeef0068, table=11, priority=1000,ip,in_port=veth104 actions=drop',
  ]);
  assert.deepEqual(own(member('host')), [
    'cookie=0xbeef0068, table=11, priority=1000,ip,in_port=veth104 actions=NORMAL',
  ]);
  assert.ok(flows(member(null), 'mesh').includes('cookie=0xdead0ffd, table=10, priority=0 actions=goto_table:11'));
});

test("a flow of the file is spelled as the switch spells it, with the devices' names", () => {
  const aliased = own({
    match: 'tcp_dst=0x50,in_port=wg-warp,ip_dst=10.9.8.7/16,dl_type=0x0800,nw_proto=6',
    actions: 'output:internal_102',
  });
  assert.ok(
    flows(aliased).includes(
      'cookie=0xbeef8000, table=10, priority=2000,tcp,in_port=internal_101,nw_dst=10.9.0.0/16,tp_dst=80 actions=ct(commit,zone=44100,exec(set_field:0x650066->ct_mark)),set_field:02:0a:00:01:00:66->eth_dst,output:internal_102',
    ),
  );
});

test('a flow of the file that opens has a pair of its own for the replies', () => {
  const lines = flows(own({ match: 'udp,in_port=internal_100,udp_dst=53', actions: 'normal' }));
  assert.ok(
    lines.some((line) =>
      /^cookie=0xdead000a, table=6, .*ct_mark=0x64fffe,ip,in_port=LOCAL .*output:internal_100$/.test(line),
    ),
  );
});

test('flows that can not be in the pipeline are refused, and the error quotes them', () => {
  const bad: readonly (readonly [Partial<UserFlow>, RegExp])[] = [
    [{ match: 'ip', actions: 'normal' }, /"ip actions=normal" of ovsbr0 names no container as in_port/],
    [{ match: 'ip,in_port=LOCAL', actions: 'output:internal_100' }, /names no container as in_port/],
    [{ match: 'ip,in_port=internal_100', actions: 'output:eth1' }, /does not send to one container or the host/],
    [{ match: 'ip,in_port=internal_100', actions: 'output:internal_101,normal' }, /does not send to one/],
    [{ match: 'ip,in_port=internal_100', actions: 'mod_tp_dst:5' }, /mod_tp_dst:5/],
    [{ match: 'arp,in_port=internal_100', actions: 'normal' }, /matches arp/],
    [{ match: 'udp,in_port=internal_100', actions: 'normal', priority: 1000 }, /priority of policy wireguard-to-warp/],
    [{ match: 'conj_id=1' }, /conj_id=1, which is not known/],
    [{ match: 'tcp,tp_dst=99999' }, /tp_dst=99999/],
    [{ match: 'ip,nw_dst=010.0.0.1' }, /nw_dst=010\.0\.0\.1/],
    [{ match: 'ip,nw_dst=10.0.0.1/255.0.255.0' }, /nw_dst/],
    [{ table: 0 }, /table 0/],
    [{ table: 20 }, /table 20/],
    [{ priority: 0 }, /priority 0/],
    [{ priority: 65535 }, /priority 65535/],
    [{ match: 'tcp,tcp_flags=+syn+nosuch' }, /tcp_flags/],
    [{ match: 'ip,nw_tos=5' }, /nw_tos=5/],
    [{ match: 'ipv6,ipv6_dst=::1/129' }, /ipv6_dst/],
  ];
  for (const [flow, message] of bad) assert.throws(() => flows(own(flow)), { code: 'state', message });
  const twice = own({ match: 'tcp,nw_dst=10.0.0.5/24' });
  const twin = { ...(twice.flows[0] as UserFlow), match: 'nw_dst=10.0.0.9/255.255.255.0,tcp' };
  assert.throws(() => flows({ ...twice, flows: [...twice.flows, twin] }), {
    code: 'state',
    message: /same table, priority and match/,
  });
});
