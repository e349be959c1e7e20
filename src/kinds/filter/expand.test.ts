// The texts of the filters: the golden files are the tables as a person reads them.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Facts, Member, Topology } from '../../core/topology.ts';
import { expand } from './expand.ts';
import { client, member, vps as server } from '../../core/topology/fixture.ts';
import { facts } from './fixture.ts';

const golden = join(import.meta.dirname, 'golden');

function text(name: string, topology: Topology, what: Partial<Facts> = {}): string {
  const found = expand(topology, { ...facts, ...what }).find((resource) => resource.name === name);
  assert.ok(found, `no filter ${name}`);
  return found.spec.text;
}

function altered(name: string, what: Partial<Member>): Topology {
  return { ...client, members: client.members.map((one) => (one.name === name ? { ...one, ...what } : one)) };
}

test('the filters of both privacy profiles are the golden files', () => {
  for (const [profile, topology] of [
    ['client', client],
    ['server', server],
  ] as const) {
    const files = globSync(`${golden}/${profile}.*.nft`).map((path) => readFileSync(path, 'utf8'));
    const texts = expand(topology, facts).map(({ spec }) => `${spec.text}\n`);
    assert.ok(files.length > 1);
    assert.deepEqual(texts.toSorted(), files.toSorted());
  }
});

/** A container that joins a mesh, beside the client's chain. */
const joined: Topology = {
  ...client,
  members: [...client.members, member(104, 'app-server', { netmaker: true, next: 'host' })],
  exits: [...client.exits, { ip: '10.0.0.104', pin: null }],
};

test('what joins a mesh sends TCP and UDP by the uplink, to hosts at home too, and the chain’s exit no more than before', () => {
  const host = text('host', joined);
  const more = [
    'oifname "eth0" ip saddr 10.0.0.104 drop',
    'oifname "eth0" ip saddr 10.0.0.104 ip daddr != { 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 } meta l4proto { tcp, udp } accept',
    'oifname "eth0" ip saddr 10.0.0.104 masquerade',
  ];
  const lines = host.split('\n').map((line) => line.trim());
  const before = text('host', client).split('\n');
  assert.deepEqual(lines.filter((line) => line.includes('10.0.0.104')).toSorted(), more);
  assert.deepEqual(
    lines.filter((line) => !more.includes(line)),
    before.map((line) => line.trim()),
  );
});

test('without containers there is no filter at all', () => {
  assert.deepEqual(expand({ ...client, members: [], published: [], exits: [] }, facts), []);
});

test('a plain container has no table of its own, and is shut off by the host', () => {
  const topology = { ...client, members: [member(105, 'web-server', {})], published: [], exits: [] };
  assert.deepEqual(
    expand(topology, facts).map(({ name }) => name),
    ['host'],
  );
  assert.doesNotMatch(text('host', topology), /masquerade|dnat/);
  assert.match(text('host', topology), /iifname "ovsbr0" jump from_bridge/);
});

test('without an uplink nothing is let out', () => {
  for (const topology of [client, server]) {
    const host = text('host', topology, { uplink: null });
    assert.doesNotMatch(host, /masquerade|oifname "eth0"/);
    assert.match(host, /dnat ip to 10\.0\.0\.100/);
  }
});

test('every bridge with a container is shut, and every other is left alone', () => {
  const [bridge] = client.bridges;
  assert.ok(bridge);
  const topology = {
    ...client,
    bridges: [bridge, { ...bridge, name: 'mesh' }, { ...bridge, name: 'spare' }],
    members: [...client.members, member(104, 'app-server', { bridge: 'mesh' })],
  };
  const host = text('host', topology);
  assert.match(host, /iifname != "mesh" iifname != "ovsbr0" ip saddr \{ 10\.0\.0\.0\/8, /);
  assert.match(host, /iifname "mesh" drop/);
  assert.match(host, /oifname "mesh" jump to_bridge/);
  assert.doesNotMatch(host, /spare/);
});

test('a published port may name its container', () => {
  const topology: Topology = {
    ...client,
    published: [{ protocol: 'udp', port: 51820, to: 'wireguard-gateway', from: 'lan' }],
  };
  assert.equal(text('host', topology), text('host', client));
});

test('the order of the state does not change a text', () => {
  const [gateway] = client.members;
  assert.ok(gateway);
  const peers = ['10.98.0.0/16', '10.99.0.0/24', '10.99.0.0/24', '192.0.2.7/32'];
  const wg = (allowed: readonly string[]): Topology => {
    const { wg0 } = gateway.wireguard;
    assert.ok(wg0);
    return altered(gateway.name, {
      wireguard: { wg0: { ...wg0, peers: allowed.map((one) => ({ public_key: 'K', allowed_ips: [one] })) } },
    });
  };
  assert.equal(text(gateway.name, wg(peers)), text(gateway.name, wg(peers.toReversed())));
  assert.match(text(gateway.name, wg(peers)), /ip saddr 192\.0\.2\.7 masquerade/);
  assert.equal(text(gateway.name, wg(peers)).match(/ip saddr 10\.99\.0\.0\/24 masquerade/g)?.length, 1);
  assert.match(text(gateway.name, wg(['0.0.0.0/0'])), /oifname "internal_100" masquerade/);
  const published = [...client.published, { protocol: 'tcp', port: 443, to: '10.0.0.102', from: 'anywhere' } as const];
  const exits = [...client.exits, { ip: '10.0.0.9', pin: null }];
  assert.equal(
    text('host', { ...client, published, exits }),
    text('host', { ...client, published: published.toReversed(), exits: exits.toReversed() }),
  );
});

test('without its pin a proxy gets nowhere, and without a sender it takes no packets in', () => {
  assert.doesNotMatch(text('xray-client', altered('xray-client', { pin: null })), /dport 443/);
  const alone = text('xray-client', {
    ...client,
    members: client.members.filter(({ role }) => role === 'proxy-client'),
  });
  assert.doesNotMatch(alone, /redirect|12408/);
});

test("WARP's segments are cut to the MTU of the state", () => {
  const { warp } = client.members[1] ?? {};
  assert.ok(warp);
  assert.match(text('warp-tunnel', altered('warp-tunnel', { warp: { ...warp, mtu: 1420 } })), /maxseg size set 1380/);
});

test('a veth container is filtered on its own device', () => {
  assert.match(
    text('xray-client', altered('xray-client', { device: 'eth0', mode: 'veth' })),
    /iifname "eth0" ip saddr/,
  );
});

const shaper = { mode: 'constant', up: 1, down: 1, frame: 1316, quantum: 1, monthly_bytes: 0, warp: null } as const;

test('with a shaper its user alone reaches the proxy’s inlet, and the filter is else what it was', () => {
  const more = '\t\toifname "lo" udp dport 12409 meta skuid != 13 drop\n';
  const shaped = text('xray-client', altered('xray-client', { shaper }));
  assert.ok(shaped.indexOf(more) < shaped.indexOf('oifname "lo" accept'));
  assert.equal(shaped.replace(more, ''), text('xray-client', client));
});

test('the VPS’s shaper sends to WARP and nowhere else', () => {
  const [first] = server.members;
  const warp = { ip: '162.159.192.1', port: 2408 };
  const members = first === undefined ? [] : [{ ...first, shaper: { ...shaper, warp } }];
  const more =
    '\t\toifname "internal_100" meta skuid 13 ip daddr 162.159.192.1 udp dport 2408 accept\n\t\tmeta skuid 13 drop\n';
  const shaped = text('xray-server', { ...server, members });
  assert.equal(shaped.replace(more, ''), text('xray-server', server));
  assert.notEqual(shaped, text('xray-server', server));
});

test('what leaves WARP’s container must have a size of padded data, where data is padded', () => {
  const rule = (padding: Topology['padding']) =>
    text('warp-tunnel', { ...client, padding }).match(/oifname "internal_101" ip daddr 162.*/)?.[0];
  const to = 'oifname "internal_101" ip daddr 162.159.192.1 udp dport 2408';
  assert.equal(rule({ warp: null, clients: null }), `${to} accept`);
  assert.equal(rule({ warp: [256], clients: null }), `${to} udp length { 40, 100, 156, 296, 1320 } accept`);
});

test('what a gateway answers its clients is looked at before it counts as a reply', () => {
  const output = (padding: Topology['padding']) =>
    /chain output \{\n.*\n\t\t(.*)/.exec(text('wireguard-gateway', { ...client, padding }))?.[1];
  assert.equal(output({ warp: [], clients: null }), 'oifname "lo" accept');
  assert.equal(
    output({ warp: [], clients: [] }),
    'oifname "internal_100" udp sport 51820 udp length != { 40, 100, 156, 1320 } drop',
  );
});

test('below level 2 nothing of what leaves is made alike', () => {
  for (const level of [0, 1]) assert.doesNotMatch(text('host', { ...client, level }), /ip (ttl|dscp|id) set/);
  assert.match(text('host', { ...client, level: 2 }), /ip ttl set 64/);
});
