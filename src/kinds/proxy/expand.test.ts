// The proxy's configurations, as data and as the proxy's own checker sees them.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from '../../core/state/parse.ts';
import { topology } from '../../core/topology/build.ts';
import type { Facts } from '../../core/topology.ts';
import { exec } from '../../drivers/exec.ts';
import { expand } from './expand.ts';

const golden = 'test/golden';
const resolved = { 'engage.cloudflareclient.com': ['162.159.192.1'], '95.216.30.2': ['95.216.30.2'] };
const files = {
  'xray-client:/etc/xray/vps.pem': { fingerprint: '0123456789abcdef', certificate: 'ab'.repeat(32) },
  'xray-server:/etc/xray/cert.pem': { fingerprint: '0123456789abcdef', certificate: 'ab'.repeat(32) },
  'xray-server:/etc/xray/key.pem': { fingerprint: 'fedcba9876543210', certificate: null },
};

function facts(proxy: Facts['proxy'], known: Facts['files'] = files): Facts {
  return {
    uplink: 'eth0',
    datapath: 'netdev',
    forwards: false,
    backend: 'lxc',
    strangers: [],
    nameservers: [],
    netmaker: null,
    proxy,
    shaper: null,
    files: known,
  };
}

/** What init writes beside the proxy with --shaping, to end at `shaped`. */
type Shaper = { readonly mode: string; readonly endpoint?: string };

function inside(profile: string, at: Facts, shaper?: Shaper) {
  const text = readFileSync(`${golden}/${profile}/state.json`, 'utf8');
  const more = shaper === undefined ? '' : `"shaper": ${JSON.stringify(shaper)},`;
  const parsed = parse(text.replace(/"xray": \{/, `"xray": {${more}`));
  assert.ok('state' in parsed, JSON.stringify(parsed));
  const found = expand(topology(parsed.state, resolved), at)[0];
  assert.ok(found);
  return found.spec;
}

type Tls = { readonly serverName: string } & Record<string, unknown>;
type Config = {
  readonly inbounds: readonly { readonly tag: string; readonly settings: Record<string, unknown> }[];
  readonly routing: { readonly rules: readonly { readonly ip: readonly string[]; readonly outboundTag: string }[] };
  readonly outbounds: readonly { readonly protocol: string; readonly streamSettings?: { readonly tlsSettings: Tls } }[];
};

function config(profile: string, at: Facts, shaper?: Shaper): Config {
  return JSON.parse(inside(profile, at, shaper).files['/etc/xray/config.json']?.text ?? '') as Config;
}

test('the client has no way out but the VPS, and takes in nothing but SOCKS and WARP', () => {
  const { inbounds, outbounds } = config('privacy-client', facts({ program: 'v2ray' }));
  assert.deepEqual(
    outbounds.map(({ protocol }) => protocol),
    ['vmess'],
  );
  assert.deepEqual(
    inbounds.map(({ tag }) => tag),
    ['socks', 'warp'],
  );
  assert.deepEqual(inbounds[1]?.settings, { address: '162.159.192.1', port: 2408, network: 'udp' });
});

test("the VPS's certificate is the only one accepted, in each program's own words", () => {
  const v2ray = config('privacy-client', facts({ program: 'v2ray' })).outbounds[0]?.streamSettings?.tlsSettings;
  assert.deepEqual(v2ray, {
    serverName: 'vps.example.net',
    disableSystemRoot: true,
    certificates: [{ usage: 'verify', certificateFile: '/etc/xray/vps.pem' }],
  });
  const xray = config('privacy-client', facts({ program: 'xray', path: '/usr/local/bin/xray' }));
  assert.deepEqual(xray.outbounds[0]?.streamSettings?.tlsSettings, {
    serverName: 'vps.example.net',
    pinnedPeerCertSha256: 'ab'.repeat(32),
  });
});

test('the UUID is in no spec', () => {
  for (const profile of ['privacy-client', 'privacy-vps'])
    assert.doesNotMatch(JSON.stringify(inside(profile, facts({ program: 'v2ray' }))), /11111111-2222/);
});

const warp = 'engage.cloudflareclient.com:2408';

test('with a shaper the client takes its frames in by loopback alone, for the shaper of the VPS, and nothing of WARP’s own', () => {
  const { inbounds } = config('privacy-client', facts({ program: 'v2ray' }), { mode: 'constant' });
  assert.deepEqual(inbounds[1], {
    ...{ tag: 'warp', listen: '127.0.0.1', port: 12409, protocol: 'dokodemo-door' },
    settings: { address: '127.0.0.1', port: 2499, network: 'udp' },
  });
});

test('with a shaper the VPS’s clients reach one port of its own, and the rest of its addresses as little as before', () => {
  const at = facts({ program: 'v2ray' });
  const [before, { routing }] = [
    config('privacy-vps', at),
    config('privacy-vps', at, { mode: 'constant', endpoint: warp }),
  ];
  assert.deepEqual(routing.rules, [
    { type: 'field', network: 'udp', ip: ['127.0.0.1'], port: '2499', outboundTag: 'shaper' },
    ...before.routing.rules,
  ]);
});

for (const [profile, wrong, shaper] of [
  ['privacy-client', '"protocol": "vmess"', undefined],
  ['privacy-vps', '"protocol": "freedom"', undefined],
  ['privacy-client', '"protocol": "vmess"', { mode: 'constant' }],
  ['privacy-vps', '"protocol": "freedom"', { mode: 'constant', endpoint: warp }],
] as const)
  test(`v2ray accepts the configuration of ${profile}${shaper ? ' with a shaper' : ''}, and refuses a broken one`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'op-dbus-proxy-'));
    try {
      const spec = inside(profile, facts({ program: 'v2ray' }), shaper);
      const pems = { 'vps.pem': 'cert.pem', 'cert.pem': 'cert.pem', 'key.pem': 'key.pem' };
      for (const [name, from] of Object.entries(pems))
        writeFileSync(join(folder, name), readFileSync(`${golden}/privacy-vps/files/xray-server/etc/xray/${from}`));
      const text = (spec.files['/etc/xray/config.json']?.text ?? '')
        .replaceAll('/etc/xray/', `${folder}/`)
        .replaceAll(/\{\{secret:[0-9a-f]+\}\}/g, '11111111-2222-4333-8444-555555555555');
      const path = join(folder, 'config.json');
      writeFileSync(path, text);
      const good = await exec(['v2ray', '-test', '-config', path]);
      assert.equal(good.code, 0, good.stdout + good.stderr);
      writeFileSync(path, text.replace(wrong, '"protocol": "no-such"'));
      assert.notEqual((await exec(['v2ray', '-test', '-config', path])).code, 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
