// The double of Proxmox with real containers: hooks in their order, cards on a real switch, reboots, files. Needs root.
//
//   host ── ovsbr0 10.0.0.1 ── veth100i0 ═ eth0 ▷ 100 10.0.0.50

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { pings, until } from '../../src/drivers/container/bench.ts';
import { reserve } from '../../src/drivers/container/subid.ts';
import { isPrivate, privateHost, runPrivately } from '../../src/drivers/container/testing.ts';
import { exec, type ExecResult, run } from '../../src/drivers/exec.ts';
import { source } from '../../src/drivers/source.ts';

const TEMPLATE = 'debian-12-standard_12.12-1_amd64.tar.zst';

if (isPrivate()) await inside();
else
  void test('the double of Proxmox on a private host', async () => {
    // The private host has no network to make the tree by.
    const folder = await run(exec, ['mktemp', '-d']);
    const env = { PVE_ROOT: folder };
    await run(exec, [source('test/pve/bin/pveam'), 'download', 'local', TEMPLATE], { env, deadline: 1_800_000 });
    await run(exec, ['rm', '-r', folder]);
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(): Promise<void> {
  const host = await privateHost();
  after(host.stop);
  await reserve('/etc', 100_000);
  const root = `${host.folder}/pve`;
  const log = `${host.folder}/log`;
  const call = (program: string, ...argv: readonly string[]): Promise<ExecResult> =>
    exec([source(`test/pve/bin/${program}`), ...argv], { env: { PVE_ROOT: root }, deadline: 120_000 });
  const pct = (...argv: readonly string[]): Promise<ExecResult> => call('pct', ...argv);
  const good = async (...argv: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await pct(...argv);
    assert.equal(code, 0, `pct ${argv.join(' ')}: ${stderr}`);
    return stdout;
  };
  const script = async (path: string, text: string): Promise<void> => {
    await mkdir(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    await writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  };
  const ofport = (): Promise<string> => run(exec, ['ovs-vsctl', 'get', 'Interface', 'veth100i0', 'ofport']);
  const lines = async (): Promise<readonly string[]> =>
    (await readFile(log, 'utf8'))
      .trim()
      .split('\n')
      .filter((line) => line !== '');

  // What a drop-in of a package's and what a hookscript of the user's say, in the order in which they are run.
  await script(`${host.folder}/drop-in`, `echo "lxc $3 $1" >>${log}`);
  await mkdir(`${root}/usr/share/lxc/config/common.conf.d`, { recursive: true });
  const hooks = ['pre-start', 'start-host', 'stop', 'post-stop'].map(
    (type) => `lxc.hook.${type} = ${host.folder}/drop-in\n`,
  );
  await writeFile(`${root}/usr/share/lxc/config/common.conf.d/60-test.conf`, hooks.join(''));
  await script(`${root}/var/lib/vz/snippets/hook`, `echo "pve $2 $1" >>${log}`);
  await writeFile(log, '');

  void test('a container is made, started with its card on the switch, and boots', async () => {
    assert.equal((await call('pveam', 'download', 'local', TEMPLATE)).code, 0);
    await good(
      ...['create', '100', `local:vztmpl/${TEMPLATE}`, '--hostname', 'app', '--rootfs', 'local-btrfs:8'],
      ...['--net0', 'name=eth0,bridge=ovsbr0,ip=10.0.0.50/24,gw=10.0.0.1,firewall=0', '--unprivileged', '1'],
      ...['--features', 'nesting=1', '--dev0', '/dev/net/tun,mode=0666', '--hookscript', 'local:snippets/hook'],
    );
    assert.equal(await good('status', '100'), 'status: stopped');
    await good('start', '100');
    assert.equal(await good('status', '100'), 'status: running');
    await until('its network', () => pings('10.0.0.50'));
    assert.equal(await good('exec', '100', '--', 'cat', '/etc/hostname'), 'app');
    assert.match(await good('exec', '100', '--', 'cat', '/proc/self/uid_map'), /^ +0 +100000 +65536$/);
    assert.match(await good('exec', '100', '--', 'ip', 'route'), /^default via 10\.0\.0\.1 dev eth0/m);
    assert.equal(await good('exec', '100', '--', 'stat', '-c', '%a %F', '/dev/net/tun'), '666 character special file');
    assert.deepEqual(await lines(), [
      'pve pre-start 100',
      'lxc pre-start 100',
      'lxc start-host 100',
      'pve post-start 100',
    ]);
  });

  void test('exec has the program’s own exit status, and 127 for one that is missing', async () => {
    assert.equal((await pct('exec', '100', '--', 'sh', '-c', 'exit 42')).code, 42);
    assert.equal((await pct('exec', '100', 'none-such')).code, 127);
  });

  void test('files are pushed and pulled, and a failure leaves 0 behind', async () => {
    await writeFile(`${host.folder}/file`, 'text');
    await good('push', '100', `${host.folder}/file`, '/etc/pushed', '--perms', '0600', '--user', '7');
    assert.equal(await good('exec', '100', '--', 'stat', '-c', '%u %a', '/etc/pushed'), '7 600');
    await good('pull', '100', '/etc/pushed', `${host.folder}/back`);
    assert.equal(await readFile(`${host.folder}/back`, 'utf8'), 'text');
    for (const argv of [
      ['push', '100', '/none', '/etc/x'],
      ['push', '100', `${host.folder}/file`, '/none/x'],
      ['pull', '100', '/none', `${host.folder}/back`],
    ]) {
      const { code, stderr } = await pct(...argv);
      assert.equal(code, 0);
      assert.match(stderr, /failed/);
    }
  });

  void test('a reboot from within runs no hookscript, reads what has changed, and the port is another one', async () => {
    await writeFile(log, '');
    const before = await ofport();
    await writeFile(`${root}/var/lib/lxc/100/config`, 'not what will be read\n');
    await pct('exec', '100', '--', 'systemctl', 'reboot');
    await until(
      'the second start',
      async () => (await lines()).filter((line) => line === 'lxc start-host 100').length === 1,
    );
    await until('its network', () => pings('10.0.0.50'));
    assert.deepEqual(await lines(), ['lxc stop 100', 'lxc post-stop 100', 'lxc pre-start 100', 'lxc start-host 100']);
    assert.notEqual(await ofport(), before);
  });

  void test('a stop runs the hookscript on both sides, and the next start makes the port anew', async () => {
    await run(exec, ['ovs-vsctl', 'set', 'Port', 'veth100i0', 'external_ids:mark=x']);
    await writeFile(log, '');
    const before = await ofport();
    await good('stop', '100');
    assert.deepEqual(await lines(), ['pve pre-stop 100', 'lxc stop 100', 'lxc post-stop 100', 'pve post-stop 100']);
    assert.equal((await pct('stop', '100')).stderr, 'CT 100 not running');
    await good('start', '100');
    assert.notEqual(await ofport(), before);
    assert.equal(await run(exec, ['ovs-vsctl', 'get', 'Port', 'veth100i0', 'external_ids']), '{}');
    assert.match((await pct('start', '100')).stderr, /^CT 100 already running$/);
  });

  void test('a card comes, changes and goes while the container runs', async () => {
    const [, mac = ''] = /hwaddr=([^,]+)/.exec(await good('config', '100')) ?? [];
    await run(exec, ['ip', 'link', 'add', 'name', 'mesh', 'type', 'bridge']);
    const inner = (): Promise<string> => good('exec', '100', '--', 'ip', '-br', 'address');
    const index = (await inner()).match(/eth0\S*/)?.[0];
    await good('set', '100', '--net0', `name=eth0,bridge=mesh,hwaddr=${mac},ip=192.0.2.51/24`);
    assert.match(await inner(), new RegExp(`^${index} .* 192\\.0\\.2\\.51/24`, 'm'));
    assert.equal(await run(exec, ['ovs-vsctl', 'list-ports', 'ovsbr0']), '');
    assert.match(await run(exec, ['ip', '-br', 'link', 'show', 'master', 'mesh']), /^veth100i0@/);
    await good('set', '100', '--net1', 'name=eth1,bridge=ovsbr0,ip=10.0.0.60/24');
    await until('its second network', () => pings('10.0.0.60'));
    await good('set', '100', '--delete', 'net1');
    assert.doesNotMatch(await inner(), /eth1/);
    const refused = await pct('set', '100', '--net1', 'name=eth1,bridge=none');
    assert.equal(refused.code, 255);
    assert.match(refused.stderr, /net1: unable to hotplug net1: bridge 'none' does not exist/);
    await good('set', '100', '--revert', 'net1', '--net0', `name=eth0,bridge=ovsbr0,hwaddr=${mac},ip=10.0.0.50/24`);
    await until('its first network', () => pings('10.0.0.50'));
    await good('set', '100', '--tty', '1');
    assert.match(await good('pending', '100'), /^new tty: 1$/m);
  });

  void test('a reboot by pct, and a hook that changes its own container is refused after the lock’s time', async () => {
    await writeFile(`${root}/etc/pve-double.json`, JSON.stringify({ patience: 200 }));
    await writeFile(log, '');
    await good('reboot', '100');
    assert.deepEqual(
      (await lines()).filter((line) => line.startsWith('pve')),
      ['pve pre-stop 100'],
    );
    await good('shutdown', '100');
    assert.equal(await good('status', '100'), 'status: stopped');
    await script(
      `${root}/var/lib/vz/snippets/hook`,
      `[ "$2" != pre-start ] || ${source('test/pve/bin/pct')} set 100 --tags a`,
    );
    const { code, stderr } = await pct('start', '100');
    assert.equal(code, 255);
    assert.match(stderr, /trying to acquire lock\.\.\.\ncan't lock file '.*pve-config-100\.lock' - got timeout/);
    assert.match(stderr, /hookscript error for 100 on pre-start: .* exit code 255/);
    await script(`${root}/var/lib/vz/snippets/hook`, 'exit 0');
  });

  void test('a start whose drop-in fails says so', async () => {
    await script(`${host.folder}/drop-in`, 'exit 1');
    const { code, stderr } = await pct('start', '100');
    assert.equal(code, 255);
    assert.match(stderr, /startup for container '100' failed/);
    assert.equal(await good('status', '100'), 'status: stopped');
    await script(`${host.folder}/drop-in`, 'exit 0');
  });

  void test('a stopped root is seen by pct mount alone, and the start takes the mount off', async () => {
    const path = (await call('pvesm', 'path', 'local-btrfs:100/vm-100-disk-0.raw')).stdout;
    assert.equal(await run(exec, ['stat', '-c', '%F', path]), 'regular file');
    const [, where = ''] = /mounted CT 100 in '(.*)'/.exec(await good('mount', '100')) ?? [];
    assert.equal(await run(exec, ['stat', '-c', '%u', `${where}/etc/pushed`]), '100007');
    assert.match((await pct('set', '100', '--tags', 'x')).stderr, /CT is locked \(mounted\)/);
    await writeFile(`${where}/etc/from-outside`, '');
    await good('start', '100');
    assert.equal(await run(exec, ['find', where, '-mindepth', '1']), '');
    assert.equal(await good('exec', '100', '--', 'ls', '/etc/from-outside'), '/etc/from-outside');
    assert.doesNotMatch(await good('config', '100'), /^lock/m);
  });

  void test('without a card there is no network and no interfaces file of ours, and a clone has a mind of its own', async () => {
    await good('stop', '100');
    await good('set', '100', '--delete', 'net0,hookscript');
    await good('clone', '100', '101', '--hostname', 'other');
    await good('start', '101');
    assert.equal(await good('exec', '101', '--', 'hostname'), 'other');
    assert.match(await good('exec', '101', '--', 'ip', '-br', 'link'), /^lo .*$/);
    assert.equal((await pct('destroy', '101')).stderr, 'unable to destroy CT 101 - container is running');
    await good('destroy', '101', '--force');
    await good('destroy', '100');
    assert.equal(await good('list'), '');
    assert.equal(await run(exec, ['find', `${root}/var/lib/lxc`, `${root}/var/lib/pve`, '-name', '*10[01]*']), '');
  });
}
