// What a file asks of the machine, key by key.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { init } from '../../core/init/init.ts';
import { parse } from '../../core/state/parse.ts';
import { needs } from './need.ts';

function needed(file: object): readonly string[] {
  const parsed = parse(JSON.stringify(file));
  assert.ok('state' in parsed, JSON.stringify(parsed));
  return [...needs(parsed.state)];
}

const plain = { id: 105, name: 'web', network: { ipv4: '10.0.0.105/24' } };
const key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

test('a container needs all that holds it, and its switch; meters from level 1 on', () => {
  const lxc = { containers: [plain] };
  assert.deepEqual(needed({ lxc }), ['switch', 'meters', 'containers', 'filter']);
  assert.deepEqual(needed({ lxc, openflow: { obfuscation_level: 0 } }), ['switch', 'containers', 'filter']);
});

test('a meter in the file needs meters at any level', () => {
  const bridges = [{ name: 'ovsbr0', address: '10.0.0.1/24', meters: [{ name: 'm', rate: 5, unit: 'pps' }] }];
  assert.ok(needed({ openflow: { obfuscation_level: 0, bridges } }).includes('meters'));
});

test('a veth needs veth, and a WireGuard interface tunnels', () => {
  const veth = { ...plain, network: { ...plain.network, veth: true } };
  assert.ok(needed({ lxc: { containers: [veth] } }).includes('veth'));
  const wg0 = {
    address: '10.99.0.1/24',
    listen_port: 51820,
    private_key_file: '/etc/wireguard/private.key',
    peers: [],
  };
  assert.ok(
    needed({ lxc: { containers: [{ ...plain, services: ['wireguard'], config: { wg0 } }] } }).includes('tunnels'),
  );
  const warp = { interface: 'wg-warp', address: '172.16.0.2/32', private_key_file: '/etc/wireguard/warp.key' };
  const quick = { ...warp, endpoint: '162.159.192.1:2408', public_key: key };
  const both = { ...plain, services: ['wg-quick@wg-warp'], config: { 'wg-quick': quick } };
  assert.ok(needed({ lxc: { containers: [both] } }).includes('tunnels'));
});

test('who shapes needs the program for it', () => {
  const vps = (shaping?: string) => {
    const options = { publicIp: '203.0.113.5', uuid: '6ba7b810-9dad-41d1-80b4-00c04fd430c8' };
    return needed(init('privacy-vps', shaping === undefined ? options : { ...options, shaping }).document);
  };
  assert.ok(vps('constant').includes('shaping'));
  assert.ok(!vps().includes('shaping'));
});
