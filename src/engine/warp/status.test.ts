// The tunnel on this host, told from what was applied, and Cloudflare's word only when it is asked for: a host in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeContainers } from '../../drivers/container/fake.ts';
import { definition } from '../../drivers/container/sample.ts';
import { fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../../kinds/inside.ts';
import { accountPath, profilePath } from './account.ts';
import { account, tunnel } from './status.ts';

const key = `${'A'.repeat(43)}=`;
const conf = `[Interface]\nAddress = 172.16.0.2/32\n\n[Peer]\nPublicKey = ${key}\nAllowedIPs = 0.0.0.0/0\nEndpoint = 162.159.192.1:2408\n`;
const spec: Inside = {
  ...{ container: 'warp-tunnel', order: 1, unit: 'wg-quick@wg-warp', check: [], reload: null, active: true },
  files: { '/etc/wireguard/wg-warp.conf': { mode: 0o600, text: conf } },
};
const gateway = { ...spec, container: 'wireguard-gateway', unit: 'wg-quick@wg0', reload: '{}' };

async function bench(page: string) {
  const active = new Set(['warp-tunnel/wg-quick@wg-warp']);
  const containers = fakeContainers((_, argv) => {
    const seconds = Math.round(Date.now() / 1000) - 20;
    const said =
      argv[0] === 'curl' ? page : argv.at(-1) === 'latest-handshakes' ? `${key}\t${seconds}\n` : `${key}\t1\t2\n`;
    return { code: 0, stdout: said, stderr: '' };
  }, active);
  await containers.prepare('debian-12', () => {});
  await containers.create('warp-tunnel', definition(101));
  await containers.start('warp-tunnel');
  const files = fakeFiles();
  const resources = [gateway, spec].map((one) => ({ kind: 'tunnel', name: `${one.container}/${one.unit}`, spec: one }));
  await files.write('/var/lib/op-dbus/history/000001.json', JSON.stringify({ version: 1, resources, hash: '' }));
  return { host: { containers, files } as unknown as Host, containers };
}

test('the tunnel is told with its address and its last handshake, and nobody is asked', async () => {
  const { host, containers } = await bench('');
  const { tunnel: seen, asked } = await tunnel(host, null);
  assert.equal(asked, null);
  assert.ok(seen !== null && seen.handshake !== null && seen.handshake >= 20 && seen.handshake < 60);
  assert.deepEqual(
    { ...seen, handshake: 20 },
    {
      ...{ container: 'warp-tunnel', device: 'wg-warp', address: '172.16.0.2/32' },
      ...{ up: true, waiting: null, handshake: 20 },
    },
  );
  assert.ok(containers.ran.every(({ argv }) => argv[0] !== 'curl'));
});

test('asked for, the question goes through the container, by its tunnel', async () => {
  const { host, containers } = await bench('ip=104.28.0.1\nwarp=plus\n');
  assert.deepEqual((await tunnel(host, 3)).asked, { warp: 'plus', ip: '104.28.0.1', why: null });
  const [curl] = containers.ran.filter(({ argv }) => argv[0] === 'curl');
  assert.match(curl?.argv.join(' ') ?? '', /--interface wg-warp https:\/\/www\.cloudflare\.com\/cdn-cgi\/trace\//);
  const silent = await bench('');
  assert.deepEqual((await tunnel(silent.host, 3)).asked, { warp: null, ip: null, why: 'no answer' });
});

test('where nothing is applied there is no tunnel, and nobody to ask through', async () => {
  const host = { files: fakeFiles() } as unknown as Host;
  assert.deepEqual(await tunnel(host, null), { tunnel: null, asked: null });
  assert.match((await tunnel(host, 3)).asked?.why ?? '', /no tunnel is applied here/);
});

test('of the account no secret is told', async () => {
  const files = fakeFiles();
  assert.deepEqual(await account(files, '/w'), { account: null, profile: null });
  await files.write(
    accountPath('/w'),
    `access_token = 'TOKEN'\ndevice_id = 'a4498a36-729f'\nlicense_key = 'LICENCE'\nprivate_key = '${key}'\n`,
  );
  await files.write(profilePath('/w'), conf.replace('[Interface]', `[Interface]\nPrivateKey = ${key}`));
  assert.deepEqual(await account(files, '/w'), {
    account: { device: 'a4498a36…', type: null, licence: true },
    profile: { address: '172.16.0.2/32', endpoint: '162.159.192.1:2408' },
  });
});
