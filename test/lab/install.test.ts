// install.sh in a fresh Debian 12 with systemd as its first process: each mode from nothing, applied, verified, tested, and
// taken back without residue. Everything is run over one SSH connection by the box's uplink, behind a firewall of the box's own.
// What the Internet would answer is the lab's to prove: beyond the uplink there is none.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { test } from 'node:test';
import { selfSigned } from '../../src/cli/generate.ts';
import { lxcContainers } from '../../src/drivers/container/client.ts';
import { isPrivate, runPrivately } from '../../src/drivers/container/testing.ts';
import { exec, type ExecResult, run } from '../../src/drivers/exec.ts';
import { source } from '../../src/drivers/source.ts';
import { keyPair, wgcfProfile } from '../../src/lab/wireguard.ts';
import { startBox, uplink } from './box.ts';
import { freshDebian } from './fresh.ts';
import { openSsh } from './ssh.ts';

const file = '/etc/op-dbus/state.json';
const tree = '/root/op-dbus';
/** What the tests give to it. */
const given = '/root/test';

/** Lets nobody in but by SSH. */
const firewall = `table inet host { chain input { type filter hook input priority 0; policy drop
  ct state established,related accept
  iif lo accept
  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  tcp dport 22 accept
}; }`;
/** All files but what runs anyway: logs, caches of apt and dpkg (and what apt leaves in /tmp when it is killed), what systemd keeps. */
const files = `find / -xdev \\( -path /root/op-dbus -o -path /root/test -o -path '/tmp/apt-dpkg-install-*' -o -path '*/tmp/systemd-private-*' -o -path /var/cache/op-dbus -o -path /var/cache/apt -o -path /var/cache/debconf -o -path /var/lib/dpkg \\
  -o -path /var/lib/apt -o -path /var/log -o -path /var/lib/systemd -o -path /var/cache/ldconfig \\) -prune -o -printf '%p %y %m %u:%g %l\\n'`;
/** Of what is kept; not what useradd and groupadd set aside, nor the linker's cache. */
const contents = `find /etc /usr/local -type f ! -path '/etc/*-' ! -path /etc/ld.so.cache -exec sha256sum {} +`;

/** By name; what systemd starts for a while is its own. */
const processes = `ps -eo comm= | grep -vE '^(ps|grep|sort|bash|sshd|systemd-.*|\\(.*)$' | sort -u`;

if (isPrivate()) await inside(process.env['FRESH'] ?? '');
else
  void test('install.sh in a machine of its own', async () => {
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    process.env['FRESH'] = await freshDebian();
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(image: string): Promise<void> {
  const box = await startBox(image);
  const ssh = await openSsh(uplink.inside, (key) =>
    box.ok('bash', '-c', `mkdir -p -m 700 /root/.ssh; echo '${key.trim()}' >/root/.ssh/authorized_keys`),
  );
  const ok = async (...argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await ssh.exec(...argv);
    assert.equal(code, 0, `${argv.join(' ')}: ${stderr}\n${stdout}`);
    return stdout;
  };
  const sh = (script: string): Promise<string> => ok('bash', '-c', script);
  const op = (...argv: readonly string[]): Promise<string> => ok('op-dbus', ...argv);
  const script = (...args: readonly string[]): Promise<ExecResult> => ssh.exec('bash', `${tree}/install.sh`, ...args);
  const install = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await script(...args);
    assert.equal(code, 0, `${stdout}\n${stderr}\n${(await ssh.exec('cat', '/var/log/op-dbus-install.log')).stdout}`);
    await untouched();
    return stdout;
  };
  /** @returns what it says of its error. */
  const refused = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await script(...args);
    assert.equal(code, 1, stderr);
    await untouched();
    return stderr;
  };
  /**
   * Kills install.sh at work (SIGKILL) as soon as the shell's `when` holds: with all that it has started, or by itself,
   * which leaves apt at work.
   */
  const killed = async (args: string, when: string, all: boolean): Promise<void> => {
    const [mode, whom] = all ? ['control-group', 'all'] : ['process', 'main'];
    await sh(`systemd-run -q -p KillMode=${mode} --unit=killed bash ${tree}/install.sh ${args}
      until ${when}; do systemctl is-active -q killed || { echo 'it ended too early' >&2; exit 1; }; done
      systemctl kill -s KILL --kill-whom=${whom} killed; while systemctl is-active -q killed; do sleep 0.05; done
      systemctl reset-failed killed || true`);
  };

  // The way in is somebody's own firewall, address, route and sshd.
  await box.net('nft', firewall);
  const management = async (): Promise<string> =>
    [
      await box.net('ip', '-o', '-4', 'address', 'show', 'dev', 'eth0'),
      await box.net('ip', 'route', 'show', 'dev', 'eth0'),
      await box.net('nft', '-s', 'list', 'table', 'inet', 'host'),
      await sh(
        'systemctl show -p MainPID -p ActiveEnterTimestampMonotonic ssh; sha256sum /etc/ssh/*_config /etc/ssh/*_key',
      ),
    ].join('\n');
  const way = await management();
  const untouched = async (): Promise<void> => assert.equal(await management(), way);

  // A tree with the libraries in place, as a second run of it has; npm needs a network.
  await sh(`mkdir ${tree} ${given}; mv /root/template ${given}/; cd ${source()}; cp -a bin docs install install.sh native package.json package-lock.json schema profiles src tsconfig.json ${tree}/
    mkdir -p ${tree}/node_modules; for each in node_modules/* node_modules/.bin; do ln -s "$PWD/$each" ${tree}/node_modules/; done
    cp package-lock.json ${tree}/node_modules/.op-dbus-lock; apt-get update -q`);
  const all = async (): Promise<readonly string[]> => {
    const found = [
      await sh(`dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\n'`),
      await sh(files),
      await sh(contents),
      await sh(processes),
      await box.net('nft', '-s', 'list', 'ruleset'),
      await box.net('ip', '-o', '-4', 'address'),
      await box.net('ip', '-br', 'link'),
      await box.net('ip', 'rule'),
      await box.net('ip', '-4', 'route', 'show', 'table', 'all'),
      await box.net('sysctl', 'net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding', 'net.ipv4.conf.all.rp_filter'),
    ];
    return found.join('\n').split('\n');
  };
  const before = await all();
  const clean = async (): Promise<void> => {
    const is = await all();
    const [was, now] = [new Set(before), new Set(is)];
    const more = is.filter((line) => !was.has(line));
    const less = before.filter((line) => !now.has(line));
    assert.deepEqual({ more, less }, { more: [], less: [] });
  };

  await test('a dry run changes nothing', async () => {
    assert.match(
      await install('--mode', 'standalone', '--dry-run'),
      /would: Packages from Debian: .*openvswitch-switch/,
    );
    await clean();
  });

  await test('the menu, on a terminal: each number is its mode; anything else installs nothing', async () => {
    const answer = (text: string) =>
      ssh.terminal(['bash', `${tree}/install.sh`, '--dry-run'], 'Enter mode [1-5]: ', text);
    const modes = [
      [/containers are plain LXC/, /Debian: .* tcpdump .*lxc/, /op-dbus init --profile none\|privacy-client/],
      [/Debian: .*openvswitch-switch/, /for profile none/],
      [/Debian: .*lxc/, /for profile privacy-client/, /Edit .*WARP_PUBLIC_KEY/],
      [/Debian: .*lxc/, /for profile privacy-vps/, /Edit .*VPS_PUBLIC_IP/],
      [/Debian: .*nftables/, /op-dbus init --profile agent/],
    ];
    for (const [index, patterns] of modes.entries()) {
      const { code, shown } = await answer(`${index + 1}\n`);
      assert.equal(code, 0, shown);
      for (const pattern of patterns) assert.match(shown, pattern);
      assert.equal(shown.includes('openvswitch-switch'), index !== 4);
      // No kernel's modules are in the box; what is loaded, it has.
      assert.equal(shown.includes('no module openvswitch'), index !== 4 && !existsSync('/sys/module/openvswitch'));
    }
    const wrong = [
      ['9\n', 1, /no mode 9/],
      ['\n', 1, /no mode/],
      ['\u0004', 1, /no answer/],
      ['\u0003', 130, /Enter mode/],
    ] as const;
    for (const [text, status, pattern] of wrong) {
      const { code, shown } = await answer(text);
      assert.equal(code, status, shown);
      assert.match(shown, pattern);
      assert.doesNotMatch(shown, /would/);
    }
    assert.match(await refused(), /expected a mode/);
    await clean();
  });

  await test('on Proxmox its own LXC stays, and nothing is removed to make room', async () => {
    const there = `Package: lxc-pve\nVersion: 6\nArchitecture: all\nMaintainer: none <none>\nProvides: lxc\nConflicts: lxc\nDescription: a stand-in\n`;
    await sh(`mkdir -p ${given}/pve/DEBIAN ${given}/pve/usr/sbin; ln -s ../bin/true ${given}/pve/usr/sbin/pct
      echo '${there}' >${given}/pve/DEBIAN/control; dpkg-deb -b ${given}/pve ${given}/pve.deb; dpkg -i ${given}/pve.deb`);
    const shown = await install('--mode', 'privacy-client', '--dry-run');
    const [, wanted = ''] = /Debian: (.*)/.exec(shown) ?? [];
    assert.match(shown, /Proxmox: found/);
    const plan = await sh(`apt-get -s --no-install-recommends install ${wanted}`);
    assert.match(plan, /Inst openvswitch-switch/);
    assert.doesNotMatch(plan, /Remv|Inst lxc /);
    await sh('dpkg --purge lxc-pve');
    await clean();
  });

  await test('standalone: applied, verified, tested, installed anew under a data path that stays, and gone', async () => {
    await install('--mode', 'standalone');
    await sh('ovs-vsctl add-br ovsbr0 -- set Bridge ovsbr0 datapath_type=netdev');
    const foreign = await script('--mode', 'standalone', '--apply');
    assert.notEqual(foreign.code, 0);
    assert.match(foreign.stdout, /there is a bridge ovsbr0 that is not of op-dbus/);
    assert.match(foreign.stderr, /error\[foreign\].*ovsbr0/);
    assert.equal((await sh('ovs-vsctl list-br; ovs-ofctl dump-flows ovsbr0 | grep -c NORMAL')).trim(), 'ovsbr0\n1');
    await sh('ovs-vsctl del-br ovsbr0');
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
    await sh(`grep -q '"/usr/local/lib/op-dbus/current/schema/state.json"' ${file}`);
    assert.equal((await sh('ls /usr/local/lib/op-dbus | wc -l')).trim(), '2');
    assert.match(
      await sh('systemctl show -p ExecStart op-dbus'),
      new RegExp((await sh('readlink /usr/local/lib/op-dbus/current')).trim()),
    );
    assert.match(await install('--uninstall'), /stays, since it holds your keys/);
    await sh(`test -e ${file}; rm -r /etc/op-dbus`);
    await clean();
  });

  await test('agent: taken back though its installation was killed; applied, verified, gone with what it had set', async () => {
    await killed('--mode agent', 'test -e /usr/sbin/nft', true);
    await install('--uninstall');
    await clean();
    await install('--mode', 'agent');
    await op('init', '--profile', 'agent', '-o', file);
    await op('apply', file);
    await op('verify');
    await op('test');
    await install('--uninstall', '--purge');
    await clean();
  });

  await test('privacy-vps: a container that answers by TLS, and nothing of it afterwards', async () => {
    await sh(`mkdir -p /var/cache/op-dbus; cp -a ${given}/template /var/cache/op-dbus/`);
    assert.match(
      await refused('--mode', 'privacy-vps', '--apply'),
      /installed, but not applied: something .* not filled in/,
    );
    await ssh.exec('op-dbus', 'query').then(({ stdout }) => assert.equal(stdout, 'Nothing here is made by op-dbus.'));
    await op('init', '--profile', 'privacy-vps', '--generate', '--public-ip', '95.216.30.2', '--force', '-o', file);
    await install('--mode', 'privacy-vps', '--apply');
    await op('verify');
    assert.match(await op('test'), /TLS to xray-server.* TLSv1\.3/);
    await untouched();
    await sh(`cp /etc/op-dbus/files/xray-server/etc/xray/cert.pem ${given}/vps.pem`);
    await install('--uninstall', '--purge');
    await clean();
  });

  await test('privacy-client: each hop reaches the next and no other; what fails is what no Internet answers', async () => {
    await install('--mode', 'privacy-client', '--dry-run');
    await install('--mode', 'privacy-client');
    await sh(`mkdir -p /var/cache/op-dbus; mv ${given}/template /var/cache/op-dbus/`);
    await box.put(`${given}/wgcf-profile.conf`, wgcfProfile(keyPair().privateKey, keyPair().publicKey));
    await sh(`cp /etc/hosts ${given}/hosts; echo 162.159.192.1 engage.cloudflareclient.com >>/etc/hosts`);
    const options = ['--vps', '95.216.30.2', '--uuid', 'new', '--certificate', `${given}/vps.pem`];
    await op(
      'init',
      '--profile',
      'privacy-client',
      '--generate',
      ...options,
      '--warp',
      `${given}/wgcf-profile.conf`,
      '--force',
      '-o',
      file,
    );
    await op('apply', file);
    await untouched();
    const { code, stdout } = await ssh.exec('op-dbus', 'test', '--json');
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
    await sh(`cp ${given}/hosts /etc/hosts`);
    await install('--uninstall', '--purge');
    await clean();
  });

  await test('full, with Xray: killed at work, then finished; taken back by an uninstall that was killed, then finished', async () => {
    const [zip, bare, plain] = await xrayFiles();
    for (const each of [zip, bare, plain]) await box.ok('bash', '-c', `base64 -d >${each.path} <<<${each.base64}`);
    const xray = (path: string, sum: string): readonly string[] => [
      '--mode',
      'full',
      '--xray',
      path,
      '--xray-sha256',
      sum,
    ];
    assert.match(
      await refused(...xray(zip.path, plain.sum)),
      new RegExp(`its SHA-256 is ${zip.sum}, not ${plain.sum}`),
    );
    assert.match(await refused('--mode', 'full', '--xray', zip.path), /belong together/);
    assert.match(
      await refused('--mode', 'agent', '--xray', zip.path, '--xray-sha256', zip.sum),
      /no place in mode agent/,
    );
    await clean();
    assert.match(await refused(...xray(bare.path, bare.sum)), /no program xray in this zip/);
    await killed(xray(zip.path, zip.sum).join(' '), 'test -e /usr/bin/lxc-start', false);
    assert.match(await install(...xray(zip.path, zip.sum)), /containers are plain LXC/);
    assert.equal(await ok('xray', 'version'), 'Xray 1 (a stand-in)');
    await ok('test', '!', '-e', file);
    await op('doctor');
    // Another one, by an address.
    const { url, certificate } = await served(plain.content);
    await box.put(`${given}/authority.pem`, certificate);
    const by = (sum: string): readonly string[] => ['bash', `${tree}/install.sh`, ...xray(url, sum)];
    const curl = ['env', `CURL_CA_BUNDLE=${given}/authority.pem`];
    assert.equal((await ssh.exec(...curl, ...by(zip.sum))).code, 1);
    assert.equal(await ok('xray', 'version'), 'Xray 1 (a stand-in)');
    await ok(...curl, ...by(plain.sum));
    assert.equal(await ok('xray', 'version'), 'Xray 2 (a stand-in)');
    await killed('--uninstall', '! test -e /usr/bin/lxc-start', true);
    await install('--uninstall');
    await clean();
  });
}

type Given = { readonly path: string; readonly content: Buffer; readonly base64: string; readonly sum: string };

/** What stands in for Xray's release: a zip with the program, a zip without one, and another version as it is. */
async function xrayFiles(): Promise<readonly [Given, Given, Given]> {
  const folder = await mkdtemp('/run/xray-');
  const program = (version: number): string =>
    `#!/bin/sh\n[ "$1" != version ] || echo 'Xray ${version} (a stand-in)'\n`;
  await writeFile(`${folder}/xray`, program(1));
  await writeFile(`${folder}/README.md`, 'no program\n');
  await writeFile(`${folder}/plain`, program(2));
  await run(exec, ['zip', '-qj', `${folder}/with.zip`, `${folder}/xray`, `${folder}/README.md`]);
  await run(exec, ['zip', '-qj', `${folder}/without.zip`, `${folder}/README.md`]);
  const given = async (name: string): Promise<Given> => {
    const content = await readFile(`${folder}/${name}`);
    const sum = createHash('sha256').update(content).digest('hex');
    return { path: `/root/test/${name}`, content, base64: content.toString('base64'), sum };
  };
  return [await given('with.zip'), await given('without.zip'), await given('plain')];
}

/** Serves it by HTTPS on the other end of the box's uplink. @returns its address, and the certificate that vouches for it. */
async function served(content: Buffer): Promise<{ readonly url: string; readonly certificate: string }> {
  const { certificate, key } = await selfSigned([uplink.outside]);
  const server = createServer({ cert: certificate, key }, (_, response) => response.end(content));
  server.unref();
  await new Promise<void>((resolve) => void server.listen(0, uplink.outside, resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { url: `https://${uplink.outside}:${address.port}/xray`, certificate };
}
