// The configurations of VLESS, with TLS and with REALITY, as text and as the programs' own checkers see them.
// UPDATE_GOLDEN=1 writes the texts anew. Xray is asked where OP_DBUS_XRAY names one.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from '../../core/state/parse.ts';
import { topology } from '../../core/topology/build.ts';
import type { Facts } from '../../core/topology.ts';
import { exec } from '../../drivers/exec.ts';
import { contents } from './contents.ts';
import { expand } from './expand.ts';

const id = '11111111-2222-4333-8444-555555555555';
const publicKey = 'B0stt-Do4xloLTEoirSJysLs-EBT6G8C_WafuwbJQWw';
const privateKey = 'IOjIXOz3E8VpYx6YDwA3On_aa8_zedqvwpur-PZECXQ';
const shortId = '6ba7b8109dad11d1';
const xray = process.env['OP_DBUS_XRAY'];

const tls = {
  network: 'tcp',
  security: 'tls',
  tlsSettings: { certificates: [{ certificateFile: '/etc/xray/cert.pem', keyFile: '/etc/xray/key.pem' }] },
};
const reality = {
  network: 'tcp',
  security: 'reality',
  realitySettings: {
    target: 'www.example.org:443',
    serverNames: ['www.example.org'],
    privateKeyFile: '/etc/xray/reality.key',
    shortIds: [shortId],
  },
};
const inbound = (streamSettings: unknown, flow?: string) => ({
  port: 443,
  protocol: 'vless',
  settings: { clients: [{ id, ...(flow === undefined ? {} : { flow }) }] },
  streamSettings,
});
const far = { protocol: 'vless', server: '95.216.30.2', port: 443, id };

type Case = { readonly profile: 'privacy-client' | 'privacy-vps'; readonly end: Readonly<Record<string, unknown>> };
const cases: Readonly<Record<string, Case>> = {
  'vless-server': { profile: 'privacy-vps', end: { inbound: inbound(tls, '') } },
  'vless-client': {
    profile: 'privacy-client',
    end: { outbound: { ...far, flow: '', server_name: 'vps.example.net' } },
  },
  'vision-server': { profile: 'privacy-vps', end: { inbound: inbound(tls) } },
  'vision-client': { profile: 'privacy-client', end: { outbound: { ...far, server_name: 'vps.example.net' } } },
  'reality-server': { profile: 'privacy-vps', end: { inbound: inbound(reality) } },
  'reality-client': {
    profile: 'privacy-client',
    end: {
      outbound: { ...far, server_name: 'www.example.org', reality: { public_key: publicKey, short_id: shortId } },
    },
  },
};

const files = {
  'xray-client:/etc/xray/vps.pem': { fingerprint: '0123456789abcdef', certificate: 'ab'.repeat(32) },
  'xray-server:/etc/xray/cert.pem': { fingerprint: '0123456789abcdef', certificate: 'ab'.repeat(32) },
  'xray-server:/etc/xray/key.pem': { fingerprint: 'fedcba9876543210', certificate: null },
  'xray-server:/etc/xray/reality.key': { fingerprint: '00000000000000aa', certificate: null },
};

function facts(proxy: Facts['proxy']): Facts {
  const plain = { uplink: 'eth0', datapath: 'netdev', forwards: false, backend: 'lxc' } as const;
  return { ...plain, strangers: [], nameservers: [], netmaker: null, shaper: null, proxy, files };
}

function built({ profile, end }: Case) {
  const document = JSON.parse(readFileSync(`test/golden/${profile}/state.json`, 'utf8')) as {
    plugins: { lxc: { containers: { config: { xray?: object } }[] } };
  };
  for (const { config } of document.plugins.lxc.containers) if (config.xray) Object.assign(config.xray, end);
  const parsed = parse(JSON.stringify(document));
  assert.ok('state' in parsed, JSON.stringify(parsed));
  return topology(parsed.state, { 'engage.cloudflareclient.com': ['162.159.192.1'] });
}

function text(one: Case, program: Facts['proxy']): string {
  const found = expand(built(one), facts(program))[0];
  return found?.spec.files['/etc/xray/config.json']?.text ?? '';
}

const asXray = { program: 'xray', path: '/usr/local/bin/xray' } as const;

for (const [name, one] of Object.entries(cases)) {
  test(`${name}: the configuration is as it was read and approved, and no secret is in it`, () => {
    const found = text(one, asXray);
    const path = `src/kinds/proxy/golden/${name}.config`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, found);
    assert.equal(found, readFileSync(path, 'utf8'));
    for (const secret of [id, privateKey, shortId]) assert.ok(!found.includes(secret));
  });

  const skip = xray === undefined && 'OP_DBUS_XRAY=FILE names no Xray: not tried';
  test(`${name}: Xray accepts it, and refuses a broken one`, { skip }, () =>
    judged(text(one, asXray), [xray ?? '', 'run', '-test', '-c']),
  );

  if (name.startsWith('vless'))
    test(`${name}: v2ray accepts it, and refuses a broken one`, () =>
      judged(text(one, { program: 'v2ray' }), ['v2ray', '-test', '-config']));
}

async function judged(config: string, check: readonly [string, ...string[]]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'op-dbus-proxy-'));
  try {
    for (const [name, from] of Object.entries({ 'vps.pem': 'cert.pem', 'cert.pem': 'cert.pem', 'key.pem': 'key.pem' }))
      writeFileSync(join(folder, name), readFileSync(`test/golden/privacy-vps/files/xray-server/etc/xray/${from}`));
    const real = config
      .replaceAll('/etc/xray/', `${folder}/`)
      .replace('{{secret:00000000000000aa}}', privateKey)
      .replace(/(?<="shortIds?": (\[\s*)?")\{\{secret:\w+\}\}/, shortId)
      .replaceAll(/\{\{secret:[0-9a-f]+\}\}/g, id);
    const path = join(folder, 'config.json');
    writeFileSync(path, real);
    const good = await exec([...check, path]);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    writeFileSync(path, real.replaceAll(id, 'no uuid').replace('"vless"', '"no-such"'));
    assert.notEqual((await exec([...check, path])).code, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a REALITY client needs no certificate, and its server the key alone', () => {
  assert.deepEqual(contents(built(cases['reality-client'] as Case)), []);
  assert.deepEqual(
    contents(built(cases['reality-server'] as Case)).map(({ path, sort }) => [path, sort]),
    [['/etc/xray/reality.key', 'REALITY key']],
  );
});

test('a server that is named by its address alone needs its certificate pinned, also by VLESS', () => {
  const [pinned] = contents(built({ profile: 'privacy-client', end: { outbound: far } }));
  assert.equal(pinned?.required, true);
});
