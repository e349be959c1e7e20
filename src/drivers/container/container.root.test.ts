// Plain LXC for real: systemd in unprivileged containers on a private host with a userspace Open vSwitch. Needs root.
//
//   host ── ovsbr0 10.0.0.1 ──┬── internal_100 ▷ one 10.0.0.100
//                             └── veth105 ═ eth0 ▷ two 10.0.0.105

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { OpError } from '../../error.ts';
import { type Exec, exec, run } from '../exec.ts';
import { devices, files, lxcBench, one, pings, until } from './bench.ts';
import { lxcContainers } from './client.ts';
import { containerSuite } from './suite.ts';
import { definition } from './sample.ts';
import { isPrivate, runPrivately } from './testing.ts';

if (isPrivate()) await inside();
else
  void test('containers on a private host', async () => {
    // The private host has no network to fetch a template by.
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(): Promise<void> {
  const { host, home, options, containers, called, etc, bench, check, up, inner } = await lxcBench();
  const { port, detach } = bench;

  containerSuite('LXC', async () => {
    await containers.prepare('debian-12', () => {});
    return bench;
  });

  check('systemd boots to the end, and its first process finds address, route, sysctls and filter', async () => {
    await port(one);
    await containers.create('one', { ...one, sysctl: { ...one.sysctl, 'net.ipv4.conf.internal_100.arp_ignore': '1' } });
    const table =
      'table inet guard {\n\tchain output {\n\t\ttype filter hook output priority filter; policy accept;\n\t}\n}';
    await containers.filter('one').replace('guard', table);
    // An init before init: it notes what it finds, then becomes systemd.
    const spy =
      '#!/bin/sh\n(ip -br address; ip route; nft list tables; cat /proc/sys/net/ipv4/ip_forward) >/seen 2>&1\nexec /lib/systemd/systemd\n';
    await containers.write('one', '/usr/sbin/init', spy, { mode: 0o755, uid: 0, gid: 0 });
    await containers.start('one');
    assert.equal(await inner('systemctl', 'is-system-running'), 'running');
    const seen = (await containers.read('one', '/seen')) ?? '';
    assert.match(seen, /^internal_100 .* 10\.0\.0\.100\/24/m);
    assert.match(seen, /^default via 10\.0\.0\.1 dev internal_100/m);
    assert.match(seen, /^table inet guard$/m);
    assert.match(seen, /^1$/m);
    assert.equal(await inner('sysctl', '-n', 'net.ipv6.conf.internal_100.disable_ipv6'), '1');
    assert.equal(await inner('sysctl', '-n', 'net.ipv4.conf.internal_100.arp_ignore'), '1');
    assert.equal(await inner('cat', '/sys/class/net/internal_100/address'), one.mac);
    assert.equal(await inner('cat', '/etc/hostname'), 'one');
    assert.ok(await pings());
    assert.equal(await run(exec, ['ovs-vsctl', 'get', 'Port', 'wg-warp', 'external_ids']), '{op-dbus=internal_100}');
  });

  check('the container is unprivileged, and what is written into it belongs to its users', async () => {
    await up('one', one);
    await containers.write('one', '/etc/secret', 'x', { mode: 0o640, uid: 0, gid: 42 });
    await containers.link('one', '/etc/way', 'secret');
    await containers.write('one', '/run/op/secret', 'x', { mode: 0o600, uid: 0, gid: 0 });
    assert.equal(await inner('stat', '-c', '%u %g %a', '/etc/secret'), '0 42 640');
    assert.equal(await inner('stat', '-c', '%u %g %a', '/run/op', '/run/op/secret'), '0 0 755\n0 0 600');
    assert.equal(await inner('stat', '-c', '%u %N', '/etc/way'), "0 '/etc/way' -> 'secret'");
    const map = (await inner('cat', '/proc/self/uid_map')).split(/\s+/);
    assert.ok(Number(map[1]) >= 100_000, map.join(' '));
    assert.ok((await inner('sh', '-c', 'ip tuntap add dev t0 mode tun && ip -br link show t0')).startsWith('t0'));
  });

  check('the network survives stop and start, reboot from inside, and the death of init', async () => {
    await up('one', one);
    await containers.stop('one');
    assert.ok((await devices()).includes('internal_100'));
    await containers.start('one');
    assert.ok(await pings(), 'after stop and start');
    const boot = await inner('stat', '-c', '%Y', '/proc/1');
    const first = await readFile(`${home}/container/one/pid`, 'utf8');
    await containers.exec('one', ['systemctl', 'reboot']);
    await until(
      'reboot',
      async () => (await readFile(`${home}/container/one/pid`, 'utf8').catch(() => first)) !== first,
    );
    await containers.start('one');
    assert.ok(await pings(), `after the reboot from inside (${boot})`);
    const [pid = ''] = (await readFile(`${home}/container/one/pid`, 'utf8')).split(' ');
    process.kill(Number(pid), 'SIGKILL');
    await until('its end', async () => (await containers.list())[0]?.running === false);
    assert.ok((await devices()).includes('internal_100'), 'the device came back');
    await containers.start('one');
    assert.ok(await pings(), 'after the death of init');
    // Monitor and init at once: no hook runs, and the device dies with the namespace.
    const [last = ''] = (await readFile(`${home}/container/one/pid`, 'utf8')).split(' ');
    const monitor = / \S (\d+) /.exec((await readFile(`/proc/${last}/stat`, 'utf8')).replace(/^.*\)/, ''))?.[1];
    process.kill(Number(monitor), 'SIGKILL');
    process.kill(Number(last), 'SIGKILL');
    await until('its end', async () => (await containers.list())[0]?.running === false);
    // Nobody collects it here, where the test is the first process.
    await until('the end of init', async () =>
      / Z /.test(await readFile(`/proc/${last}/stat`, 'utf8').catch(() => ' Z ')),
    );
    await containers.start('one');
    assert.ok(await pings(), 'after the death of the monitor');
  });

  check('a port whose device is gone is made anew, with its mark and number, and a missing one too', async () => {
    await up('one', one);
    await containers.stop('one');
    // What happens when monitor and init are killed together: the device dies with the namespace.
    await run(exec, ['ip', 'link', 'delete', 'dev', 'internal_100']);
    await containers.start('one');
    assert.ok(await pings());
    assert.equal(await run(exec, ['ovs-vsctl', 'get', 'Port', 'wg-warp', 'external_ids']), '{op-dbus=internal_100}');
    assert.equal(await run(exec, ['ovs-vsctl', 'get', 'Interface', 'internal_100', 'ofport']), '100');
    await containers.stop('one');
    await run(exec, ['ovs-vsctl', '--timeout=10', 'del-port', 'wg-warp']);
    await containers.start('one');
    assert.ok(await pings());
    assert.equal(await run(exec, ['ovs-vsctl', 'get', 'Port', 'wg-warp', 'external_ids']), '{op-dbus=internal_100}');
  });

  check(
    'after a restart of the switch a reattached, and a stopped and started container has its network back',
    async () => {
      await up('one', one);
      const inits = await containers.exec('one', ['stat', '-c', '%Y', '/proc/1']);
      const ways = await containers.exec('one', ['ip', 'route']);
      await detach('one');
      assert.equal(await pings(), false);
      assert.equal((await containers.list())[0]?.attached, false);
      await containers.reattach('one');
      await until('its network', () => pings());
      assert.deepEqual(await containers.exec('one', ['stat', '-c', '%Y', '/proc/1']), inits);
      assert.deepEqual(await containers.exec('one', ['ip', 'route']), ways);
      await detach('one');
      assert.equal((await containers.list())[0]?.attached, false);
      await containers.stop('one');
      await containers.start('one');
      assert.equal((await containers.list())[0]?.attached, true);
      // The host may be about to give up its search for the neighbour.
      await until('its network', () => pings());
    },
  );

  check('by a veth pair the container has eth0, and keeps it over restarts', async () => {
    const two = definition(105, { mode: 'veth', port: { row: 'veth105', device: 'veth105', ofport: 105 } });
    await containers.create('two', two);
    await containers.start('two');
    assert.ok(await pings('10.0.0.105'));
    assert.equal((await containers.list())[0]?.attached, true);
    assert.match((await containers.exec('two', ['ip', '-br', 'link'])).stdout, /^eth0@\S+ .*02:0a:00:01:00:69/m);
    // More than a handshake: checksums that nobody filled in show with data.
    const server = createServer((_, response) => void response.end('x'.repeat(100_000))).listen(0, '10.0.0.1');
    await once(server, 'listening');
    const url = `http://10.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { stdout } = await containers.exec('two', [
      'curl',
      '-s',
      '-m',
      '5',
      '-o',
      '/dev/null',
      '-w',
      '%{size_download}',
      url,
    ]);
    server.close();
    assert.equal(stdout, '100000');
    await containers.stop('two');
    assert.ok((await devices()).includes('veth105'));
    await containers.start('two');
    assert.ok(await pings('10.0.0.105'));
    await containers.stop('two');
    await run(exec, ['ip', 'link', 'delete', 'dev', 'veth105']);
    await containers.start('two');
    assert.ok(await pings('10.0.0.105'));
    await containers.stop('two');
    await containers.destroy('two');
    const left = (await devices()).filter((name) => /^(veth|op-peer)105$/.test(name));
    assert.deepEqual(left, [], 'the pair goes with it');
  });

  check('a start that the hook refuses leaves nothing running and says why', async () => {
    await port(one);
    await containers.create('one', one);
    const refused = async (message: RegExp): Promise<void> => {
      await assert.rejects(containers.start('one'), { code: 'host', message });
      assert.equal((await containers.list())[0]?.running, false);
    };
    await containers.configure('one', { ...one, sysctl: { 'net.ipv4.no_such_key': '1' } });
    await refused(/start-host: a sysctl can't be set/);
    await containers.configure('one', { ...one, gateway: '192.0.2.1' });
    await refused(/start-host: internal_100 can't be given its address and route/);
    await containers.configure('one', one);
    await mkdir(`${home}/filter`);
    await writeFile(`${home}/filter/host.nft`, 'table inet op_dbus {\n');
    await refused(/pre-start: the host's packet filter .* doesn't load/);
    await writeFile(`${home}/filter/host.nft`, 'table inet op_dbus {\n}\n');
    await writeFile(`${home}/container/one/filter.nft`, 'table inet guard {\n');
    await refused(/start-host: the packet filter .* doesn't load/);
    await containers.filter('one').remove('guard');
    await writeFile(`${home}/container/one/filter.nft`, '');
    await containers.start('one');
    assert.equal(await run(exec, ['nft', 'list', 'tables']), 'table inet op_dbus');
    await run(exec, ['nft', 'delete', 'table', 'inet', 'op_dbus']);
    await containers.stop('one');
    await run(exec, ['ovs-vsctl', '--timeout=10', 'clear', 'Port', 'wg-warp', 'external_ids']);
    await run(exec, ['ip', 'link', 'delete', 'dev', 'internal_100']);
    await refused(/pre-start: port wg-warp of the switch is not op-dbus's/);
  });

  check('where the file system can neither share nor stack, a full copy serves', async () => {
    const poor: Exec = (argv, more) =>
      argv.includes('--reflink=always') || argv.includes('overlay')
        ? Promise.resolve({ code: 1, stdout: '', stderr: '' })
        : exec(argv, more);
    const said: string[] = [];
    const copying = lxcContainers({ ...options, exec: poor });
    await copying.prepare('debian-12', (line) => said.push(line));
    assert.match(said.join('\n'), /full copy/);
    await port(one);
    await copying.create('one', one);
    await copying.write('one', '/etc/x', 'x', { mode: 0o600, uid: 0, gid: 0 });
    await copying.start('one');
    assert.equal(await inner('systemctl', 'is-system-running'), 'running');
    assert.equal(await inner('cat', '/etc/x'), 'x');
    assert.ok(await pings());
  });

  check('a creation that fails leaves nothing', async () => {
    const failing: Exec = (argv, more) =>
      argv[0] === 'mknod' ? Promise.resolve({ code: 1, stdout: '', stderr: 'no' }) : exec(argv, more);
    const broken = lxcContainers({ ...options, exec: failing });
    await assert.rejects(broken.create('one', one), { code: 'host', message: /^making container one: mknod/ });
    await assert.rejects(broken.create('two', { ...one, template: 'none' }), { code: 'state' });
    assert.equal(await run(exec, ['find', '/var/lib/lxc', '-mindepth', '1']), '');
    assert.deepEqual(await files('/etc/subuid', '/etc/subgid'), etc);
  });

  check('a oneshot unit that remains is active, and one that failed, ended or waits to try again is not', async () => {
    await up('one', one);
    const units = {
      remains: 'Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n',
      'made@x': 'Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n',
      ended: 'Type=oneshot\nExecStart=/bin/true\n',
      failed: 'Type=oneshot\nExecStart=/bin/false\n',
      dies: 'ExecStart=/bin/false\n',
      waits: 'Restart=always\nRestartSec=1000\nExecStart=/bin/false\n',
    };
    for (const [unit, text] of Object.entries(units)) {
      const path = `/etc/systemd/system/${unit}.service`;
      await containers.write('one', path, `[Service]\n${text}`, { mode: 0o644, uid: 0, gid: 0 });
      await containers.exec('one', ['systemctl', 'start', unit]);
    }
    await until('the ends', async () => (await containers.activeUnits('one', ['dies', 'waits'])).size === 0);
    called.splice(0);
    assert.deepEqual([...(await containers.activeUnits('one', Object.keys(units)))], ['remains', 'made@x']);
    assert.deepEqual(called, []);
    assert.equal((await containers.exec('one', ['systemctl', 'is-active', 'waits'])).stdout, 'activating');
  });

  check('a program inside that is late is ended there too', async () => {
    await up('one', one);
    const late = { code: 'timeout', message: 'lxc-attach: no answer within 0.3 s' };
    await assert.rejects(containers.exec('one', ['sh', '-c', 'sleep 1234; true'], { deadline: 300 }), late);
    await until('their end', async () => (await containers.exec('one', ['pgrep', '-f', 'sleep 1234'])).code === 1);
  });

  check('a start or a boot that does not end is told', async () => {
    await port(one);
    await containers.create('one', one);
    const hasty = lxcContainers({ ...options, patience: 1500 });
    await containers.write('one', '/usr/sbin/init', '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755, uid: 0, gid: 0 });
    await assert.rejects(hasty.start('one'), { code: 'timeout', message: /its boot isn't over after 1.5 s/ });
    await run(exec, ['lxc-stop', '-n', 'one', '-k']);
    await until('its end', async () => (await containers.list())[0]?.running === false);
    const stuck: Exec = (argv, more) =>
      argv[0] === 'lxc-start' ? Promise.reject(new OpError('timeout', 'late')) : exec(argv, more);
    const start = { code: 'timeout', message: "container one: its start isn't over after 60 s", hint: /lxc.log/ };
    await assert.rejects(lxcContainers({ ...options, exec: stuck }).start('one'), start);
    assert.equal((await containers.list())[0]?.running, false);
  });

  check('the terminal is given the program that the driver names', async () => {
    await up('one', one);
    assert.equal(await run(exec, await containers.attach('one', ['hostname'])), 'one');
  });

  check('listing and reading start no program', async () => {
    await up('one', one);
    called.splice(0);
    assert.equal((await containers.list())[0]?.attached, true);
    assert.equal(await containers.read('one', '/etc/hostname'), 'one\n');
    await containers.tidy();
    assert.deepEqual(called, []);
  });

  check(
    'a pipe in the place of a file does not block its reader, and removing what the template has hides it',
    async () => {
      await up('one', one);
      await inner('mkfifo', '/etc/pipe');
      await assert.rejects(containers.read('one', '/etc/pipe'), { code: 'host', message: /not a regular file/ });
      await containers.stop('one');
      await assert.rejects(containers.read('one', '/etc/pipe'), { code: 'host' });
      assert.notEqual(await containers.read('one', '/etc/debian_version'), null);
      await containers.remove('one', '/etc/debian_version');
      assert.equal(await containers.read('one', '/etc/debian_version'), null);
      await containers.start('one');
      assert.equal((await containers.exec('one', ['cat', '/etc/debian_version'])).code, 1);
    },
  );

  check('programs of the host are shown inside, read only', async () => {
    await writeFile(`${host.folder}/program`, '#!/bin/sh\necho here\n', { mode: 0o755 });
    await up('one', { ...one, binds: { '/usr/local/bin/program': `${host.folder}/program` } });
    assert.equal(await inner('program'), 'here');
    assert.equal((await containers.exec('one', ['sh', '-c', 'echo x >/usr/local/bin/program'])).code, 2);
  });

  check('lxc-ls, lxc-attach and lxc-autostart work as written, and order 0 starts first', async () => {
    await containers.create('last', definition(101, { order: 2 }));
    await containers.create('middle', definition(102, { order: 1 }));
    await containers.create('never', definition(103, { autostart: false }));
    await port(one);
    await containers.create('one', one);
    // It lists the stopped ones, in the order in which it would start them.
    const starts = (await run(exec, ['lxc-autostart', '-L'])).split('\n').map((line) => line.split(' ')[0]);
    assert.deepEqual(starts, ['one', 'middle', 'last']);
    await containers.start('one');
    assert.match(await run(exec, ['lxc-ls', '-f']), /^one +RUNNING 1 +- +10\.0\.0\.100 +- +true/m);
    assert.equal(await run(exec, ['lxc-attach', '-n', 'one', '--', 'hostname']), 'one');
  });

  check('containers can be made and started at the same time', async () => {
    const all = [one, definition(101), definition(102)];
    for (const wanted of all) await port(wanted);
    await Promise.all(all.map((wanted) => containers.create(`c${wanted.id}`, wanted)));
    await Promise.all(all.map((wanted) => containers.start(`c${wanted.id}`)));
    assert.deepEqual(await Promise.all(['10.0.0.100', '10.0.0.101', '10.0.0.102'].map((ip) => pings(ip))), [
      true,
      true,
      true,
    ]);
  });

  void test('when all containers are gone, so is all that was made for them', async () => {
    assert.deepEqual(await files('/etc/subuid', '/etc/subgid'), etc);
    assert.equal(await run(exec, ['find', '/var/lib/lxc', home, '-mindepth', '1']).catch(() => ''), '');
  });
}
