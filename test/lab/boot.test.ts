// The units under a real systemd: shut before the network, open when the host is as applied, and a data path that stays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isPrivate, runPrivately } from '../../src/drivers/container/testing.ts';
import { lxcContainers } from '../../src/drivers/container/client.ts';
import { source } from '../../src/drivers/source.ts';
import { startBox } from './box.ts';

const opDbus = source('bin/op-dbus');
const file = '/etc/op-dbus/state.json';
const state = {
  lxc: { container_profile: 'none', containers: [container(105, 'web')] },
  openflow: {
    enable_security_flows: true,
    obfuscation_level: 1,
    bridges: [{ name: 'ovsbr0', flows: [], socket_ports: [] }],
  },
};

function container(id: number, name: string): object {
  return { id, name, template: 'debian-12', network: { bridge: 'ovsbr0', veth: true, ipv4: `10.0.0.${id}/24` } };
}

if (isPrivate()) await inside();
else
  void test('the units in a machine of their own', async () => {
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(): Promise<void> {
  const begun = Date.now();
  const box = await startBox();
  console.log(`# the machine is up after ${Date.now() - begun} ms`);
  const { ok, put } = box;
  const sh = (script: string): Promise<string> => ok('sh', '-c', script);
  const op = (...argv: readonly string[]): Promise<string> => ok(opDbus, ...argv);
  const shut = async (): Promise<boolean> =>
    (await box.exec('nft', 'list', 'table', 'inet', 'op_dbus_boot')).code === 0;
  const show = async (unit: string, property: string): Promise<string> =>
    ok('systemctl', 'show', '--value', '-p', property, unit);
  /** Since when the unit is active, in microseconds of this machine. */
  const since = async (unit: string): Promise<number> => Number(await show(unit, 'ActiveEnterTimestampMonotonic'));
  /** Whether the box forwards, from one network namespace to another. */
  const forwards = async (): Promise<boolean> =>
    (await box.exec('ip', 'netns', 'exec', 'left', 'ping', '-c', '1', '-W', '1', '192.0.2.130')).code === 0;
  const link = (name: string, address: string, gateway: string): string => `
    ip netns add ${name}; ip link add ${name} type veth peer name eth0 netns ${name}
    ip address add ${gateway}/25 dev ${name}; ip link set ${name} up
    ip -n ${name} address add ${address}/25 dev eth0; ip -n ${name} link set eth0 up; ip -n ${name} route add default via ${gateway}`;
  const router = `set -e; ${link('left', '192.0.2.2', '192.0.2.1')}; ${link('right', '192.0.2.130', '192.0.2.129')}`;
  /** All of the data path that a daemon could have touched. */
  const path = (): Promise<string> =>
    sh(`ovs-ofctl -O OpenFlow14 --no-stats dump-flows ovsbr0 | sed 's/ *duration=[^,]*,//' | sort
        nft -s list ruleset; ovs-vsctl list-ports ovsbr0; cat /var/lib/op-dbus/container/web/pid; ip -br address show ovsbr0`);
  /** What a container was given by whoever has started it. */
  const given = (): Promise<string> =>
    op('exec', 'web', '--', 'grep', '-E', 'NoNewPrivs|Seccomp|Cap(Bnd|Eff)', '/proc/1/status');
  /** Waits for a process other than `than`. */
  const another = async (than: string, look: () => Promise<string>): Promise<string> => {
    for (const deadline = Date.now() + 30_000; ; await sleep(20)) {
      const now = await look();
      if (!['', '0', than].includes(now)) return now;
      assert.ok(Date.now() < deadline, `none after ${than}`);
    }
  };
  const said = async (what: RegExp, seconds = 30): Promise<string> => {
    for (const deadline = Date.now() + seconds * 1000; ; await sleep(100)) {
      const text = await ok('journalctl', '-b', '-u', 'op-dbus', '-o', 'cat', '--no-pager');
      if (what.test(text)) return text;
      assert.ok(Date.now() < deadline, `the daemon never said ${what}:\n${text}`);
    }
  };
  const traces = (): Promise<string> =>
    sh(
      'find /etc/systemd /etc/dbus-1 /run/systemd/system /run/op-dbus* /var/lib/systemd -path "*timers*" -prune -o -print 2>/dev/null | sort; nft list tables',
    );

  let broken = false;
  /** Each goes on from the one before. */
  const step = (name: string, body: () => Promise<void>): Promise<void> =>
    test(name, async () => {
      assert.ok(!broken, 'one before this failed');
      broken = true;
      await body().catch(async (error: unknown) => {
        console.log((await box.exec('journalctl', '-b', '-n', '60', '-o', 'short-monotonic', '--no-pager')).stdout);
        throw error;
      });
      broken = false;
    });

  let before = '';
  let byHand = '';
  await step('installing starts the daemon, shuts nothing, and systemd finds no fault with the units', async () => {
    await put('/etc/sysctl.d/90-router.conf', 'net.ipv4.ip_forward=1\n');
    await sh(`sysctl -qp /etc/sysctl.d/90-router.conf; mkdir -p /etc/op-dbus; ${router}`);
    assert.ok(await forwards());
    await put(file, JSON.stringify(state));
    await ok('chmod', '600', file);
    await op('apply', file);
    byHand = await given();
    before = await traces();
    const done = await op('service', 'install');
    assert.match(
      done,
      /wrote .*org\.opdbus1\.conf\nwrote .*op-dbus\.service\nwrote .*op-dbus-blocker\.service\nenabled .*\nenabled .*\nstarted op-dbus\.service$/,
    );
    assert.equal(await op('service', 'install'), 'Nothing to do.');
    const units = ['op-dbus', 'op-dbus-blocker'].map((name) => `/etc/systemd/system/${name}.service`);
    const { code, stdout, stderr } = await box.exec('systemd-analyze', 'verify', ...units);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
    // What wants the blocker is started again, as by systemctl isolate.
    await ok('systemctl', 'start', 'sysinit.target');
    assert.equal(await show('op-dbus-blocker', 'ActiveState'), 'inactive');
    assert.equal(await shut(), false);
    assert.ok(await forwards());
    assert.match(await op('service', 'status'), /^op-dbus\.service +enabled, active \(running\), process \d+$/m);
    await said(/the host is as it was applied/);
  });

  await step('on the system bus root may change, members of the group read, and others nothing', async () => {
    const at = ['org.opdbus1', '/org/opdbus1', 'org.opdbus1.Manager'];
    const as = (user: string, ...argv: readonly string[]) =>
      box.exec('setpriv', ...user.split(' '), '--clear-groups', 'busctl', ...argv);
    await ok('groupadd', '--system', 'op-dbus');
    const group = (await ok('getent', 'group', 'op-dbus')).split(':')[2] ?? '';
    await ok('systemctl', 'reload', 'dbus');
    assert.match(await ok('busctl', 'call', ...at, 'Query'), /"bridge" "ovsbr0"/);
    assert.match(await ok('busctl', 'introspect', 'org.opdbus1', '/org/opdbus1'), /^\.Drift +property +u +0/m);
    assert.match(await ok('busctl', 'tree', 'org.opdbus1'), /container\/web/);
    assert.match(await ok('busctl', 'call', ...at, 'Verify'), /^ba\(bss\) true /);
    const stranger = await as('--reuid 65534 --regid 65534', 'call', ...at, 'Query');
    assert.match(stranger.stderr, /[Aa]ccess denied|rejected/);
    const reader = `--reuid 65534 --regid ${group}`;
    assert.equal((await as(reader, 'call', ...at, 'Query')).code, 0);
    assert.match((await as(reader, 'call', ...at, 'Rollback', 'u', '0')).stderr, /[Aa]ccess denied|rejected/);
    assert.match((await box.exec('busctl', 'call', ...at, 'Confirm')).stderr, /no change waits to be confirmed/);
    await ok('groupdel', 'op-dbus');
  });

  await step('a boot: shut before the network, open when the host is as it was applied', async () => {
    // Looks once the network may be set up, and before the daemon.
    const unit = '[Unit]\nDefaultDependencies=no\nAfter=network-pre.target\nBefore=op-dbus.service\n';
    const look = 'ExecStart=/bin/sh -c "exec nft list table inet op_dbus_boot >/etc/seen"';
    await put(
      '/etc/systemd/system/look.service',
      `${unit}[Service]\nType=oneshot\n${look}\n[Install]\nWantedBy=sysinit.target\n`,
    );
    await ok('systemctl', 'enable', 'look.service');
    await box.reboot();
    await said(/forwarding is no longer shut/);
    const [loaded = 0, network = 0, started = 0] = await Promise.all(
      ['op-dbus-blocker.service', 'network-pre.target', 'op-dbus.service'].map(since),
    );
    assert.ok(0 < loaded && loaded < network && network < started, `${loaded} ${network} ${started}`);
    console.log(
      `# shut for ${((started - loaded) / 1e6).toFixed(1)} s, from ${network - loaded} µs before the network`,
    );
    assert.match(await ok('cat', '/etc/seen'), /hook forward .*policy drop/);
    assert.equal(await shut(), false);
    assert.equal(await ok('sysctl', '-n', 'net.ipv4.ip_forward'), '1');
    await sh(router);
    assert.ok(await forwards());
    assert.equal((await box.exec(opDbus, 'diff', file)).code, 0);
  });

  await step('stopping the daemon leaves flows, filters and containers; a killed one is started again', async () => {
    const was = await path();
    await ok('systemctl', 'stop', 'op-dbus');
    assert.equal(await path(), was);
    await ok('systemctl', 'start', 'op-dbus');
    const first = await show('op-dbus', 'MainPID');
    await ok('kill', '-9', first);
    const killed = Date.now();
    await another(first, () => show('op-dbus', 'MainPID'));
    console.log(`# started again after ${Date.now() - killed} ms`);
    assert.equal(await show('op-dbus', 'NRestarts'), '1');
    assert.equal(await path(), was);
  });

  await step('a container that the daemon has started lacks nothing, reboots, and outlives the daemon', async () => {
    const pid = async (): Promise<string> =>
      (await box.exec('cut', '-d ', '-f1', '/var/lib/op-dbus/container/web/pid')).stdout;
    const first = await pid();
    await ok('kill', '-9', first);
    const second = await another(first, pid);
    await said(/put right .*container web/);
    assert.equal(await given(), byHand);
    await op('exec', 'web', '--', 'systemctl', 'reboot');
    const third = await another(second, pid);
    await ok('systemctl', 'stop', 'op-dbus');
    assert.equal(await pid(), third);
    await op('exec', 'web', '--', 'true');
  });

  await step('a host that cannot be put right stays shut, and says so, until it can', async () => {
    await sh('lxc-stop -k -n web; mv /var/lib/lxc/web/config /var/lib/lxc/web/config.away');
    await box.reboot();
    await said(/again in \d+ s/);
    await sh(router);
    assert.equal(await shut(), true);
    assert.equal(await ok('sysctl', '-n', 'net.ipv4.ip_forward'), '1');
    assert.equal(await forwards(), false);
    assert.match(await op('service', 'status'), /^forwarding +shut since the boot/m);
    assert.match((await box.exec(opDbus, 'doctor')).stdout, /! boot +forwarding is shut since the boot/);
    await sh('mv /var/lib/lxc/web/config.away /var/lib/lxc/web/config');
    await said(/forwarding is no longer shut/, 60);
    assert.ok(await forwards());
  });

  await step('where the table does not load the boot goes on, and the kernel does not forward', async () => {
    await sh('mv /usr/sbin/nft /usr/sbin/nft.away; ln -s /bin/false /usr/sbin/nft; systemctl disable -q op-dbus');
    await box.reboot();
    assert.equal(await show('op-dbus-blocker', 'ActiveState'), 'failed');
    assert.equal(await show('multi-user.target', 'ActiveState'), 'active');
    assert.equal(await ok('sysctl', '-n', 'net.ipv4.ip_forward'), '0');
    await sh('rm /usr/sbin/nft; mv /usr/sbin/nft.away /usr/sbin/nft; systemctl enable -q op-dbus');
  });

  await step('without a daemon, apply opens what the boot has shut, and so does down', async () => {
    await ok('systemctl', 'disable', '-q', 'op-dbus');
    await box.reboot();
    assert.equal(await shut(), true);
    await op('apply', file);
    assert.equal(await shut(), false);
    await box.reboot();
    assert.equal(await shut(), true);
    await op('down');
    assert.equal(await shut(), false);
    await op('apply', file);
  });

  await step('uninstalling leaves no trace, and the data path as it is', async () => {
    await ok('systemctl', 'disable', '-q', '--now', 'look.service');
    await ok('rm', '/etc/systemd/system/look.service');
    await op('service', 'install');
    const was = await path();
    assert.match(
      await op('service', 'uninstall'),
      /^removed .*op-dbus\.service\nremoved .*op-dbus-blocker\.service\nremoved .*org\.opdbus1\.conf$/,
    );
    assert.equal(await op('service', 'uninstall'), 'Nothing to do.');
    assert.equal(await path(), was);
    assert.equal(await traces(), before);
    assert.match((await box.exec(opDbus, 'service', 'status')).stdout, /^op-dbus\.service +not installed$/m);
    assert.equal(await show('op-dbus', 'LoadState'), 'not-found');
    await op('down');
  });
}
