// install.sh in a fresh Debian 12 with systemd as its first process: each mode from nothing, applied, verified, tested, and
// taken back without residue. The box has no network: what the Internet would answer is the lab's to prove.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lxcContainers } from '../../src/drivers/container/client.ts';
import { isPrivate, runPrivately } from '../../src/drivers/container/testing.ts';
import { source } from '../../src/drivers/source.ts';
import { keyPair, wgcfProfile } from '../../src/lab/wireguard.ts';
import { startBox } from './box.ts';
import { freshDebian } from './fresh.ts';

const file = '/etc/op-dbus/state.json';
const tree = '/root/op-dbus';

if (isPrivate()) await inside(process.env['FRESH'] ?? '');
else
  void test('install.sh in a machine of its own', async () => {
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    process.env['FRESH'] = await freshDebian();
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(image: string): Promise<void> {
  const box = await startBox(image);
  const sh = async (script: string): Promise<string> => box.ok('bash', '-c', script);
  const op = (...argv: readonly string[]): Promise<string> => box.ok('op-dbus', ...argv);
  /** In the background, since a whole installation takes longer than a call may. */
  const install = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await box.exec('bash', `${tree}/install.sh`, ...args);
    assert.equal(code, 0, `${stdout}\n${stderr}\n${(await box.exec('cat', '/var/log/op-dbus-install.log')).stdout}`);
    return stdout;
  };
  const packages = (): Promise<string> => sh(`dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\n' | sort`);
  /** All files but what runs anyway: logs, caches of apt and dpkg, what systemd keeps. */
  const files = (): Promise<string> =>
    sh(`find / -xdev \\( -path /root -o -path /var/cache/op-dbus -o -path /var/cache/apt -o -path /var/cache/debconf -o -path /var/lib/dpkg \
      -o -path /var/lib/apt -o -path /var/log -o -path /var/lib/systemd -o -path /tmp -o -path /var/tmp -o -path /var/cache/ldconfig \\) -prune -o -print | sort`);

  // A tree with the libraries in place, as a second run of it has; npm needs a network.
  await sh(`mkdir ${tree}; cd ${source()}; cp -a bin docs install install.sh package.json package-lock.json schema profiles src tsconfig.json ${tree}/
    mkdir -p ${tree}/node_modules; for each in node_modules/* node_modules/.bin; do ln -s "$PWD/$each" ${tree}/node_modules/; done
    cp package-lock.json ${tree}/node_modules/.op-dbus-lock; apt-get update -q`);
  const before = { packages: await packages(), files: await files() };
  const clean = async (): Promise<void> => {
    assert.equal(await packages(), before.packages);
    const [was, is] = [before.files, await files()].map((text) => new Set(text.split('\n')));
    const more = [...(is ?? [])].filter((path) => !was?.has(path));
    const less = [...(was ?? [])].filter((path) => !is?.has(path));
    assert.deepEqual({ more, less }, { more: [], less: [] });
  };

  await test('a dry run changes nothing', async () => {
    assert.match(
      await install('--mode', 'standalone', '--dry-run'),
      /would: Packages from Debian: .*openvswitch-switch/,
    );
    await clean();
  });

  await test('standalone: applied, verified, tested, installed anew under a data path that stays, and gone', async () => {
    await install('--mode', 'standalone', '--apply');
    assert.equal((await sh(`stat -c %a ${file}`)).trim(), '600');
    await op('verify');
    assert.match(await op('test'), /All \d+ tests passed/);
    const path = (): Promise<string> =>
      sh('ovs-ofctl --no-stats dump-flows ovsbr0; nft -s list ruleset; pidof ovs-vswitchd');
    const was = await path();
    await sh(
      `echo '// another version' >>${tree}/src/cli/version.ts; sed -i 's/^export/console.error("");export/' ${tree}/src/cli/version.ts`,
    );
    await install('--mode', 'standalone');
    assert.equal(await path(), was);
    assert.equal((await sh('ls /usr/local/lib/op-dbus | wc -l')).trim(), '2');
    assert.match(
      await sh('systemctl show -p ExecStart op-dbus'),
      new RegExp(await sh('readlink /usr/local/lib/op-dbus/current')),
    );
    assert.match(await install('--uninstall'), /stays, since it holds your keys/);
    await sh(`test -e ${file}; rm -r /etc/op-dbus`);
    await clean();
  });

  await test('agent: applied, verified, gone with what it had set', async () => {
    await install('--mode', 'agent');
    await op('init', '--profile', 'agent', '-o', file);
    await op('apply', file);
    await op('verify');
    await op('test');
    await install('--uninstall', '--purge');
    await clean();
  });

  await test('privacy-vps: a container that answers by TLS, and nothing of it afterwards', async () => {
    await sh('mkdir -p /var/cache/op-dbus; cp -a /root/template /var/cache/op-dbus/');
    await install('--mode', 'privacy-vps');
    await op('init', '--profile', 'privacy-vps', '--generate', '--public-ip', '95.216.30.2', '--force', '-o', file);
    await op('apply', file);
    await op('verify');
    assert.match(await op('test'), /TLS to xray-server.* TLSv1\.3/);
    await sh('cp /etc/op-dbus/files/xray-server/etc/xray/cert.pem /root/vps.pem');
    await install('--uninstall', '--purge');
    await clean();
  });

  await test('privacy-client: each hop reaches the next and no other; what fails is what no Internet answers', async () => {
    await install('--mode', 'privacy-client', '--dry-run');
    await install('--mode', 'privacy-client');
    await sh('mkdir -p /var/cache/op-dbus; mv /root/template /var/cache/op-dbus/');
    await box.put('/root/wgcf-profile.conf', wgcfProfile(keyPair().privateKey, keyPair().publicKey));
    await sh('cp /etc/hosts /root/hosts; echo 162.159.192.1 engage.cloudflareclient.com >>/etc/hosts');
    const given = ['--vps', '95.216.30.2', '--uuid', 'new', '--certificate', '/root/vps.pem'];
    await op(
      'init',
      '--profile',
      'privacy-client',
      '--generate',
      ...given,
      '--warp',
      '/root/wgcf-profile.conf',
      '--force',
      '-o',
      file,
    );
    await op('apply', file);
    const { code, stdout } = await box.exec('op-dbus', 'test', '--json');
    const { rows } = JSON.parse(stdout) as { rows: readonly { ok: boolean; what: string; expected: string }[] };
    assert.equal(code, 1);
    assert.ok(rows.some(({ what }) => what === 'ping warp-tunnel (10.0.0.101) from wireguard-gateway'));
    assert.deepEqual(
      rows
        .filter(({ ok }) => !ok)
        .map(({ what, expected }) => `${what}: ${expected}`)
        .toSorted(),
      ['warp-tunnel: wg-warp carries to the Internet', 'xray-client: the VPS carries to the Internet'],
    );
    await sh('cp /root/hosts /etc/hosts');
    await install('--uninstall', '--purge');
    await clean();
  });

  await test('full: everything, plain LXC without Proxmox, and no state file of its own', async () => {
    assert.match(await install('--mode', 'full'), /containers are plain LXC/);
    await box.ok('test', '!', '-e', file);
    await op('doctor');
    await install('--uninstall');
    await clean();
  });
}
