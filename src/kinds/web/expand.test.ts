// The web server: for whom there is one, its page, and its configuration as nginx sees it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Facts, Member, Topology } from '../../core/topology.ts';
import { contents } from './contents.ts';
import { expand } from './expand.ts';

const stream = { network: 'tcp', security: 'tls' };
const member = (inbound: object) => ({ name: 'xray-server', order: 0, xray: { inbound } }) as unknown as Member;
const vless = (settings: object, streamSettings: object = stream) =>
  member({ protocol: 'vless', port: 443, settings, streamSettings });

function made(one: Member, files: Facts['files'] = {}) {
  return expand({ members: [one] } as unknown as Topology, { files } as unknown as Facts);
}

test('there is one behind VLESS over TLS, unless the file names another or REALITY has its own', () => {
  assert.equal(made(vless({})).length, 1);
  assert.equal(made(vless({ fallback: '127.0.0.1:8080' })).length, 0);
  assert.equal(made(vless({}, { network: 'tcp', security: 'reality' })).length, 0);
  assert.equal(made(member({ protocol: 'vmess', streamSettings: stream })).length, 0);
  assert.equal(made(member({ protocol: 'socks' })).length, 0);
});

test("the page is the user's where he has put one, else a plain one", () => {
  const path = '/var/www/html/index.html';
  assert.deepEqual(
    contents({ members: [vless({})] } as unknown as Topology).map((one) => [one.path, one.required]),
    [[path, false]],
  );
  const own = { [`xray-server:${path}`]: { fingerprint: '0123456789abcdef', certificate: null } };
  assert.equal(made(vless({}), own)[0]?.spec.files[path]?.text, '{{secret:0123456789abcdef}}\n');
  assert.match(made(vless({}))[0]?.spec.files[path]?.text ?? '', /^<!DOCTYPE html>/);
});

test('it listens inside its container alone, and writes no log', () => {
  const config = made(vless({}))[0]?.spec.files['/etc/op-dbus/web.conf']?.text ?? '';
  assert.deepEqual(
    [...config.matchAll(/listen (.*);/g)].map(([, where]) => where),
    ['127.0.0.1:8081'],
  );
  assert.match(config, /access_log off;/);
});
