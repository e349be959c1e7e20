// What a person reads of WARP: the account by its first characters, and each line by what is known.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warpLines } from './warp-status.ts';

const account = { device: 'a4498a36…', type: 'free', licence: true };
const profile = { address: '172.16.0.2/32', endpoint: 'engage.cloudflareclient.com:2408' };
const tunnel = {
  ...{ container: 'warp-tunnel', device: 'wg-warp', address: '172.16.0.2/32' },
  ...{ up: true, waiting: null, handshake: 20 },
};

test('with nothing there it says what to do', () => {
  assert.deepEqual(warpLines({ account: null, profile: null, tunnel: null, asked: null }), [
    '  account  none is kept: op-dbus warp register',
    '  tunnel   none is applied on this host',
    '  warp     not asked: --ask does, which is a question on the net',
  ]);
});

test('what is there is told, and what Cloudflare said', () => {
  const asked = { warp: 'plus', ip: '104.28.0.1', why: null };
  assert.deepEqual(warpLines({ account, profile, tunnel, asked }), [
    '  account  device a4498a36…, free',
    '  profile  172.16.0.2/32, engage.cloudflareclient.com:2408',
    '✓ tunnel   warp-tunnel: wg-warp, 172.16.0.2/32, last handshake 20 s ago',
    '✓ warp     warp=plus, the Internet sees 104.28.0.1',
  ]);
});

test('what waits, and what has no answer, is told with the reason', () => {
  const down = { ...tunnel, up: false, waiting: 'its container', handshake: null };
  const unknown = { device: 'x', type: null, licence: false };
  const seen = (asked: { warp: string | null; ip: string | null; why: string | null }): readonly string[] =>
    warpLines({ account: unknown, profile: null, tunnel: down, asked });
  assert.deepEqual(seen({ warp: null, ip: null, why: 'timed out' }), [
    '  account  device x, type not known, without a licence key',
    '✗ tunnel   warp-tunnel: wg-warp, 172.16.0.2/32, no handshake',
    '             waits for its container',
    '✗ warp     no answer: timed out',
  ]);
  assert.equal(
    seen({ warp: 'off', ip: '192.0.2.1', why: null })[3],
    '✗ warp     warp=off, the Internet sees 192.0.2.1',
  );
  const imported = warpLines({ account: null, profile, tunnel: null, asked: null });
  assert.equal(imported[0], '  account  none is kept (a profile was imported)');
});
