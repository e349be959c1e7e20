// Where a WARP profile goes in a state file, in both shapes of it, and what stays as it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillIn, placeIn, usual } from './place.ts';
import { plugins } from './profile.ts';

const warp = {
  privateKey: 'SECRET',
  address: '172.16.0.2/32',
  mtu: 1280,
  publicKey: `${'B'.repeat(42)}A=`,
  endpoint: 'engage.cloudflareclient.com:2408',
};

test('the profile as init writes it has the usual place, and the other shape has it higher up', () => {
  const state = plugins('privacy-client');
  assert.deepEqual(placeIn(JSON.stringify({ version: 1, plugins: state }), 'f'), usual);
  assert.deepEqual(placeIn(JSON.stringify(state), 'f'), { ...usual, path: usual.path.slice(1) });
});

test('the public values are filled in, the private key is not, and twice is as once', () => {
  const text = JSON.stringify({ plugins: plugins('privacy-client') }, null, 2);
  const once = fillIn(text, usual, warp);
  assert.ok(once.includes(warp.publicKey) && once.includes(warp.address) && once.includes('"mtu": 1280'));
  assert.ok(!once.includes(warp.privateKey) && !once.includes('WARP_PUBLIC_KEY'));
  assert.equal(fillIn(once, usual, warp), once);
  assert.ok(!fillIn(text, usual, { ...warp, mtu: null }).includes('"mtu"'));
});

test('a file that has no such place is refused, with the position of what is wrong', () => {
  const state = JSON.stringify(plugins('privacy-client'));
  const refused = (text: string, at: string, message: RegExp): void =>
    assert.throws(
      () => placeIn(text, 'f'),
      (error: Error & { at?: string }) => error.at === at && message.test(error.message),
    );
  refused('{', 'f:1:2', /./);
  refused('{"lxc": {"containers": [{"name": "a"}]}}', 'f', /expected one container with config\.wg-quick, found 0/);
  refused(state.replace('"wg0"', '"wg-quick"'), 'f', /found 2/);
  const path = 'lxc.containers[1]';
  const inside = state.replace('/etc/wireguard/warp-private.key', '/etc/../../root/key');
  refused(inside, `f:1:${inside.indexOf('"/etc/../..') + 1} ${path}.config.wg-quick.private_key_file`, /absolute path/);
  const outside = state.replace('"warp-tunnel"', '"../x"');
  refused(outside, `f:1:${outside.indexOf('"../x"') + 1} ${path}.name`, /name of the container/);
});
