// What is lengthened to what, and what WireGuard then sends.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from '../state/parse.ts';
import type { State } from '../state/schema.ts';
import type { Topology } from '../topology.ts';
import { chain, client } from './fixture.ts';
import { clientSizes, gatewayMtu, paddingOf, pads, udpLengths, warpSizes } from './padding.ts';

const text = readFileSync('test/golden/privacy-client/state.json', 'utf8');

/** The client's golden state with other openflow keys; or its problems. */
function state(openflow: object): State | readonly string[] {
  const whole = JSON.parse(text) as { readonly plugins: { readonly openflow: object } };
  const changed = { ...whole, plugins: { ...whole.plugins, openflow: { ...whole.plugins.openflow, ...openflow } } };
  const parsed = parse(JSON.stringify(changed));
  return 'state' in parsed ? parsed.state : parsed.problems.map(({ path, message }) => `${path}: ${message}`);
}

function good(openflow: object): State {
  const found = state(openflow);
  assert.ok('openflow' in found, JSON.stringify(found));
  return found;
}

test('from level 2 on the tunnel to WARP is padded to one size, the clients’ when the file says so, and nothing when it says that', () => {
  const at = (obfuscation_level: number, obfuscation: object = {}) => {
    const one = good({ obfuscation_level, obfuscation });
    return { ...paddingOf(one), pads: pads(one) };
  };
  for (const level of [0, 1]) assert.deepEqual(at(level), { warp: null, clients: null, pads: false });
  for (const level of [2, 3]) assert.deepEqual(at(level), { warp: [], clients: null, pads: true });
  assert.deepEqual(at(2, { padding: false }), { warp: null, clients: null, pads: false });
  assert.deepEqual(at(2, { padding: [576, 256] }), { warp: [256, 576], clients: null, pads: true });
  assert.deepEqual(at(3, { pad_clients: true }), { warp: [], clients: [], pads: true });
});

test('what can’t be padded so is an error with its place', () => {
  const problem = (obfuscation: object) => state({ obfuscation_level: 2, obfuscation });
  const below = "is not below the tunnel's MTU of 1280, which is always the largest size";
  assert.deepEqual(problem({ padding: [256, 1280] }), [`openflow.obfuscation.padding[1]: 1280 ${below}`]);
  assert.deepEqual(problem({ padding: [256, 256] }), ['openflow.obfuscation.padding[1]: 256 is in the list already']);
  assert.deepEqual(problem({ padding: false, pad_clients: true }), [
    'openflow.obfuscation.pad_clients: nothing is padded, for padding is false: expected false',
  ]);
  for (const wrong of [[250], [32], [], ['256'], 'none', true])
    assert.match(
      JSON.stringify(problem({ padding: wrong })),
      /^\["openflow\.obfuscation\.padding/,
      JSON.stringify(wrong),
    );
  assert.match(JSON.stringify(problem({ pading: false })), /obfuscation\.pading/);
});

test('the largest size is the MTU of the tunnel, and a gateway without WARP gets one', () => {
  const [gateway, warp] = chain;
  const wg0 = gateway?.wireguard['wg0'];
  assert.ok(wg0 && warp?.warp);
  const both: Topology = { ...client, padding: { warp: [256], clients: [256] } };
  assert.deepEqual(warpSizes(both, warp), [256, 1280]);
  assert.deepEqual(warpSizes(both, { ...warp, warp: { ...warp.warp, mtu: 1400 } }), [256, 1400]);
  assert.deepEqual(clientSizes(both, wg0), [256, 1280]);
  assert.deepEqual(clientSizes(both, { ...wg0, mtu: 1300 }), [256, 1300]);
  assert.deepEqual(clientSizes(client, wg0), []);
  const alone = { ...both, members: [gateway].flatMap((one) => one ?? []) };
  assert.deepEqual(clientSizes(alone, wg0), [256, 1420]);
  assert.equal(gatewayMtu({ ...alone, padding: { warp: [], clients: null } }, wg0), undefined);
});

test('the lengths of UDP are those of a keepalive, a handshake, and data as WireGuard lengthens it', () => {
  assert.deepEqual(udpLengths([1280]), [40, 100, 156, 1320]);
  assert.deepEqual(udpLengths([256, 576, 1280]), [40, 100, 156, 296, 616, 1320]);
  // Not beyond the MTU: 1420 is no multiple of 16.
  assert.deepEqual(udpLengths([1420]), [40, 100, 156, 1460]);
});
