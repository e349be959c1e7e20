// `init`: profiles value for value, placeholders filled, files beside it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpError } from '../../error.ts';
import { parse } from '../state/parse.ts';
import { endpoints, topology } from '../topology/build.ts';
import { clientConfig, nextAddress } from './client.ts';
import { init, type Options } from './init.ts';
import { plugins, type Profile, profiles } from './profile.ts';
import { parseWarp } from './wgcf.ts';

const secret = `${'s'.repeat(42)}A=`;
const publicKey = `${'p'.repeat(42)}A=`;
const id = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const wgcf = `[Interface]
PrivateKey = ${secret}
Address = 2606:4700:110::2/128, 172.16.0.2/32
DNS = 1.1.1.1
MTU = 1280
[Peer]
PublicKey = ${publicKey}
AllowedIPs = 0.0.0.0/0
AllowedIPs = ::/0
Endpoint = engage.cloudflareclient.com:2408
`;

function usage(action: () => unknown, message: RegExp): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof OpError && error.code === 'usage', String(error));
    assert.match(`${error.at} ${error.message}`, message);
    assert.ok(!`${error.message}${error.at}${error.hint}`.includes(secret), 'no secret in an error');
    return true;
  });
}

test('without options a profile is given value for value', () => {
  for (const profile of profiles) {
    const text = readFileSync(join(import.meta.dirname, `../../../profiles/${profile}.json`), 'utf8');
    const { document, files } = init(profile);
    assert.equal(JSON.stringify(document.plugins, null, 2), JSON.stringify(JSON.parse(text), null, 2));
    assert.deepEqual([document.version, files], [1, []]);
    assert.notEqual(plugins(profile), plugins(profile));
  }
});

test('with every option the client is ready to apply, and WARP has its key in a file', () => {
  const { document, files } = init(
    'privacy-client',
    {
      vps: 'vps.example.com',
      uuid: id,
      clientKey: publicKey,
      warp: wgcf,
      serverName: 'www.example.com',
      certificate: pem,
    },
    { gateway: { privateKey: secret } },
  );
  const outcome = parse(JSON.stringify(document));
  assert.ok('state' in outcome, JSON.stringify(outcome));
  assert.deepEqual(endpoints(outcome.state), ['engage.cloudflareclient.com', 'vps.example.com']);
  const config = outcome.state.lxc.containers[1]?.config['wg-quick'];
  assert.deepEqual([config?.address, config?.mtu, config?.public_key], ['172.16.0.2/32', 1280, publicKey]);
  const outbound = outcome.state.lxc.containers[2]?.config.xray?.outbound;
  assert.ok(outbound?.protocol === 'vmess');
  assert.deepEqual([outbound.server_name, outbound.certificate_file], ['www.example.com', '/etc/xray/vps.pem']);
  assert.deepEqual(files, [
    { container: 'wireguard-gateway', path: '/etc/wireguard/private.key', content: `${secret}\n`, secret: true },
    { container: 'warp-tunnel', path: '/etc/wireguard/warp-private.key', content: `${secret}\n`, secret: true },
    { container: 'xray-client', path: '/etc/xray/vps.pem', content: pem, secret: false },
  ]);
  assert.ok(!JSON.stringify(document).includes(secret), 'no secret in the state');
});

test('with every option the VPS is ready to apply, with certificate and key in files', () => {
  const certificate = { certificate: pem, key: 'KEY' };
  const { document, files } = init(
    'privacy-vps',
    { publicIp: '203.0.113.5', uuid: id, serverName: 'www.example.com' },
    { certificate },
  );
  const outcome = parse(JSON.stringify(document));
  assert.ok('state' in outcome, JSON.stringify(outcome));
  assert.deepEqual(topology(outcome.state, {}).published, [
    { protocol: 'tcp', port: 443, to: '10.0.0.100', from: 'anywhere' },
  ]);
  assert.equal(topology(outcome.state, {}).members[0]?.role, 'proxy-server');
  assert.deepEqual(
    files.map((file) => [`${file.container}:${file.path}`, file.secret]),
    [
      ['xray-server:/etc/xray/cert.pem', false],
      ['xray-server:/etc/xray/key.pem', true],
    ],
  );
});

test('shaping is written at both ends, the same, and the VPS is told where WARP is; off unless asked for', () => {
  const text = (profile: Profile, options: Options) => JSON.stringify(init(profile, options).document.plugins);
  const at = (profile: Profile, mode: string) => /"shaper":(\{[^}]*\})/.exec(text(profile, { shaping: mode }))?.[1];
  for (const [mode, rates] of [
    ['on-demand', '"up":600,"down":1200'],
    ['constant', '"up":300,"down":600'],
  ] as const) {
    assert.equal(at('privacy-client', mode), `{"mode":"${mode}",${rates}}`);
    const warp = '"endpoint":"engage.cloudflareclient.com:2408"';
    assert.equal(at('privacy-vps', mode), `{"mode":"${mode}",${rates},${warp}}`);
  }
  assert.doesNotMatch(text('privacy-client', {}) + text('privacy-vps', {}), /shaper/);
});

test('generated parts fill what no option fills, and options go before', () => {
  const text = (options: Options) =>
    JSON.stringify(init('privacy-client', options, { uuid: id, client: { publicKey } }).document);
  assert.ok(text({}).includes(id) && text({}).includes(publicKey));
  const other = id.replace('6', '7');
  assert.ok(text({ uuid: other }).includes(other) && !text({ uuid: other }).includes(id));
});

test('bad values and options without a place are refused by name', () => {
  const bad: readonly (readonly [Profile, Options, RegExp])[] = [
    ['privacy-client', { vps: '1.2.3' }, /^--vps expected an IPv4/],
    ['privacy-client', { vps: '::1' }, /^--vps/],
    ['privacy-client', { uuid: 'new' }, /^--uuid expected a UUID/],
    ['privacy-client', { clientKey: secret.slice(1) }, /^--client-key/],
    ['privacy-client', { warp: 'hello' }, /^--warp not a profile that wgcf wrote: line 1/],
    [
      'privacy-client',
      { certificate: `${pem}-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n` },
      /^--certificate/,
    ],
    ['privacy-client', { publicIp: '203.0.113.5' }, /^--public-ip has no place in profile privacy-client/],
    ['privacy-vps', { publicIp: 'vps.example.com' }, /^--public-ip/],
    ['privacy-vps', { vps: '203.0.113.5' }, /^--vps has no place/],
    ['privacy-vps', { serverName: 'a b' }, /^--server-name/],
    ['privacy-client', { shaping: 'toString' }, /^--shaping expected on-demand or constant/],
    ['none', { shaping: 'constant' }, /^--shaping has no place/],
    ['none', { uuid: id }, /^--uuid has no place/],
    ['none', { warp: wgcf }, /^--warp has no place/],
  ];
  for (const [profile, options, message] of bad) usage(() => init(profile, options), message);
});

test("wgcf's profile is read in all its forms", () => {
  const wanted = {
    privateKey: secret,
    publicKey,
    address: '172.16.0.2/32',
    mtu: 1280,
    endpoint: 'engage.cloudflareclient.com:2408',
  };
  assert.deepEqual(parseWarp(wgcf), wanted);
  const old = wgcf
    .replace(/Address = .*/, 'Address = 172.16.0.2/32\nAddress = 2606:4700:110::2/128')
    .replace('MTU = 1280\n', '');
  assert.deepEqual(parseWarp(old), { ...wanted, mtu: null });
  const loud = `# by hand\n${wgcf.replace('172.16.0.2/32', '172.16.0.2').replace('Endpoint', 'endpoint').replaceAll('\n', ' # note\r\n')}`;
  assert.deepEqual(parseWarp(loud), wanted);
  assert.deepEqual(
    parseWarp(wgcf.replace('[Interface]', '[Interface]\nPostUp = ovs-vsctl add-port ovsbr0 wg-warp')),
    wanted,
  );
});

test('a profile that lacks something, or has it twice, is refused without showing a secret', () => {
  usage(() => parseWarp(''), /expected one \[Peer\] section, found 0/);
  usage(() => parseWarp(`${wgcf}[Peer]\n`), /expected one \[Peer\] section, found 2/);
  usage(() => parseWarp(wgcf.replace(/PrivateKey.*\n/, '')), /PrivateKey in \[Interface\], found 0/);
  usage(() => parseWarp(wgcf.replace(secret, `${secret}x`)), /PrivateKey: expected 44/);
  usage(() => parseWarp(wgcf.replace(publicKey, 'x')), /PublicKey: expected 44/);
  usage(() => parseWarp(wgcf.replace(/Address.*/, 'Address = ::1/128')), /Address: expected an IPv4/);
  usage(() => parseWarp(wgcf.replace(':2408', '')), /Endpoint: expected/);
  for (const mtu of ['12', '1279', '1441', 'x'])
    usage(() => parseWarp(wgcf.replace('1280', mtu)), /MTU: expected one number from 1280 to 1440/);
  usage(() => parseWarp(`${secret}\n${wgcf}`), /line 1: expected/);
});

test("the client's file is what wg-quick takes", () => {
  const text = clientConfig({
    privateKey: secret,
    address: '10.99.0.2/32',
    serverKey: publicKey,
    host: 'home.example.com',
    port: 51820,
    mtu: 1300,
  });
  assert.equal(
    text,
    `[Interface]\nPrivateKey = ${secret}\nAddress = 10.99.0.2/32, fd00:0:0:99::2/128\nDNS = 1.1.1.1\nMTU = 1300\n\n[Peer]\nPublicKey = ${publicKey}\nAllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = home.example.com:51820\nPersistentKeepalive = 25\n`,
  );
  usage(
    () => clientConfig({ privateKey: secret, address: '', serverKey: publicKey, host: 'a\nb', port: 1, mtu: 1280 }),
    /--endpoint/,
  );
});

function peer(...allowed_ips: string[]): { public_key: string; allowed_ips: string[] } {
  return { public_key: publicKey, allowed_ips };
}

test('a client gets the next free address', () => {
  assert.equal(nextAddress({ address: '10.99.0.1/24', peers: [peer('10.99.0.0/24')] }), '10.99.0.2/32');
  assert.equal(
    nextAddress({ address: '10.99.0.1/24', peers: [peer('10.99.0.2/32'), peer('10.99.0.4/32', '10.99.0.3/32')] }),
    '10.99.0.5/32',
  );
  assert.equal(nextAddress({ address: '10.99.0.2/30', peers: [] }), '10.99.0.1/32');
  usage(() => nextAddress({ address: '10.99.0.1/30', peers: [peer('10.99.0.2/32')] }), /no address is free/);
});
