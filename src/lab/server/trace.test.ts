// The stand-in for cdn-cgi/trace.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trace, type Call } from './trace.ts';

const call: Call = {
  host: 'cloudflare.com',
  address: '82.64.20.2',
  agent: 'curl',
  http: 'http/1.1',
  tls: 'TLSv1.3',
  time: 1,
};

test('a call from the open Internet is told its address and warp=off', () => {
  assert.match(trace(call), /^ip=82\.64\.20\.2\n[^]*^warp=off\n/m);
});

test("a call through the tunnel is told WARP's exit address and warp=on", () => {
  assert.match(trace({ ...call, address: '10.99.1.2' }), /^ip=104\.28\.10\.10\n[^]*^warp=on\n/m);
});

test("the fields come in Cloudflare's order", () => {
  const keys = trace(call)
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  assert.deepEqual(keys, ['fl', 'h', 'ip', 'ts', 'visit_scheme', 'uag', 'colo', 'http', 'loc', 'tls', 'warp']);
});
