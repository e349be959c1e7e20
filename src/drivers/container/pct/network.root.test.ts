// What Proxmox overwrites, what is adopted, and what is nobody's business of ours, against pct's double with real LXC. Needs root.
//
//   host ─┬─ ovsbr0 10.0.0.1 ─┬── veth105i0 ═ eth0 ▷ web 10.0.0.105
//         │                   └── internal_104 ▷ app-server 10.0.0.104, once adopted
//         └─ vmbr0 10.9.0.1 ───── veth104i0 ═ eth0 ▷ app-server 10.9.0.104, before and after

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { type Exec, exec, run } from '../../exec.ts';
import { devices, pings, port, until } from '../bench.ts';
import { lxcContainers } from '../client.ts';
import type { Containers, Definition } from '../contract.ts';
import { definition } from '../sample.ts';
import { isPrivate, runPrivately } from '../testing.ts';
import { pctBench } from './bench.ts';
import { pctContainers } from './client.ts';
import { atWork } from './task.ts';

if (isPrivate()) await inside();
else
  void test("networks of Proxmox's containers on a private host", async () => {
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(): Promise<void> {
  const { bench, containers, options, node, called } = await pctBench();
  const template = 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst';
  const veth = (id: number): Pick<Definition, 'mode' | 'port'> => ({
    mode: 'veth',
    port: { row: `veth${id}i0`, device: `veth${id}i0`, ofport: 30_000 + id },
  });
  const web = definition(105, { made: 'pct', ...veth(105) });
  const conf = (id: number): Promise<string> => readFile(`${node}/etc/pve/lxc/${id}.conf`, 'utf8');
  const pct = (...argv: readonly string[]): Promise<string> => run(exec, ['pct', ...argv], { deadline: 120_000 });
  const column = (table: string, row: string, name: string): Promise<string> =>
    run(exec, ['ovs-vsctl', '--timeout=5', 'get', table, row, name]);
  const born = (id: number): Promise<string> => pct('exec', String(id), '--', 'stat', '-c', '%Y %i', '/proc/1');
  const check = (promise: string, body: () => Promise<void>): void =>
    void test(promise, async () => {
      try {
        await body();
      } finally {
        await bench.clear();
        for (const id of [104, 200]) {
          await exec(['pct', 'unlock', String(id)]);
          await exec(['pct', 'stop', String(id)]);
          await exec(['pct', 'destroy', String(id)]);
        }
        await exec(['ovs-vsctl', '--if-exists', 'del-br', 'vmbr0']);
      }
    });

  /** As somebody makes it in the web GUI. */
  async function theirs(id: number, hostname: string, ...more: readonly string[]): Promise<void> {
    await exec(['ovs-vsctl', '--may-exist', 'add-br', 'vmbr0', '--', 'set', 'Bridge', 'vmbr0', 'datapath_type=netdev']);
    await exec(['ip', 'address', 'add', '10.9.0.1/24', 'dev', 'vmbr0']);
    await run(exec, ['ip', 'link', 'set', 'dev', 'vmbr0', 'up']);
    const made = ['--hostname', hostname, '--unprivileged', '1', '--features', 'nesting=1', '--storage', 'local-btrfs'];
    const net = `name=eth0,bridge=vmbr0,ip=10.9.0.${id}/24,gw=10.9.0.1`;
    await pct('create', String(id), template, ...made, '--net0', net, '--description', 'my own notes', ...more);
  }

  check('a veth port that Proxmox makes anew at each start has its mark and its number each time', async () => {
    // As kind `port` has made it before there is a container.
    await port(web);
    await containers.create('web', web);
    assert.match(await conf(105), /^net0: name=eth0,bridge=ovsbr0,firewall=0,.*hwaddr=02:0A:00:01:00:69/m);
    // On Proxmox 8 it is privileged unless that is said.
    assert.match(await conf(105), /^unprivileged: 1$/m);
    const marked = async (when: string): Promise<void> => {
      await until(`its network ${when}`, () => pings('10.0.0.105'));
      assert.equal(await column('Port', 'veth105i0', 'external_ids'), '{op-dbus=veth105i0}', when);
      await until(`its number ${when}`, async () => (await column('Interface', 'veth105i0', 'ofport')) === '30105');
      assert.equal((await containers.list())[0]?.attached, true, when);
    };
    await containers.start('web');
    await marked('after its start');
    await containers.stop('web');
    await pct('start', '105');
    await marked('after a start by somebody else');
    const before = await born(105);
    await containers.exec('web', ['systemctl', 'reboot']);
    await until('its reboot', async () => (await born(105).catch(() => before)) !== before);
    await marked('after a reboot from inside');
  });

  check('other containers of the host start as ever, also when the hook is gone', async () => {
    await containers.create('web', web);
    await theirs(200, 'other');
    await pct('start', '200');
    await until('its network', () => pings('10.9.0.200'));
    await pct('stop', '200');
    await run(exec, ['rm', `${options.records}/hook`]);
    await pct('start', '200');
    assert.deepEqual(
      (await containers.list()).map(({ name }) => name),
      ['web'],
    );
  });

  const moved = definition(104, {
    made: 'adopted',
    port: { row: 'internal_104', device: 'internal_104', ofport: 104 },
  });

  for (const running of [true, false])
    check(
      `adopted ${running ? 'while it runs' : 'stopped'}, a container has the port of the switch and nothing else is changed, and given back all is as it was`,
      async () => {
        await theirs(104, 'app-server', '--net1', 'name=eth1,bridge=vmbr0,ip=manual', '--memory', '1024');
        if (running) await pct('start', '104');
        const [before, was] = [await conf(104), running ? await born(104) : ''];
        assert.deepEqual(await containers.strangers(), [{ id: 104, name: 'app-server', running }]);
        await port(moved);
        await containers.create('app-server', moved);
        assert.deepEqual(await containers.list(), [{ name: 'app-server', running, attached: true, definition: moved }]);
        assert.deepEqual(
          before.split('\n').filter((line) => !/^net\d/.test(line)),
          (await conf(104)).split('\n'),
        );
        if (!running) await pct('start', '104');
        await until('its network', () => pings('10.0.0.104'));
        assert.equal((await containers.list())[0]?.attached, true);
        assert.equal((await pct('exec', '104', '--', 'ls', '/sys/class/net')).includes('eth'), false);
        const now = await born(104);
        assert.ok(!running || now === was, 'it was started anew');
        await containers.exec('app-server', ['systemctl', 'reboot']);
        await until('its reboot', async () => (await born(104).catch(() => now)) !== now);
        await until('its network after a reboot', () => pings('10.0.0.104'));
        const last = await born(104);
        await containers.destroy('app-server');
        assert.equal(await conf(104), before);
        assert.equal(await born(104), last);
        await until('the network that it had', () => pings('10.9.0.104'));
        assert.ok((await devices()).includes('internal_104'));
        await containers.tidy();
        assert.deepEqual(await containers.list(), []);
        assert.deepEqual(await bench.leftover(), ['104.conf']);
      },
    );

  check('adopted by a veth pair, a running container goes over to our bridge at once, and back', async () => {
    await theirs(104, 'app-server');
    await pct('start', '104');
    const [before, was] = [await conf(104), await born(104)];
    const wanted = definition(104, { made: 'adopted', ...veth(104) });
    await containers.create('app-server', wanted);
    await until('its network', () => pings('10.0.0.104'));
    assert.equal(await column('Port', 'veth104i0', 'external_ids'), '{op-dbus=veth104i0}');
    await until('its number', async () => (await column('Interface', 'veth104i0', 'ofport')) === '30104');
    const other = { ...wanted, address: '10.0.0.114/24' };
    await containers.configure('app-server', other);
    await until('its other address', () => pings('10.0.0.114'));
    await containers.destroy('app-server');
    assert.equal(await conf(104), before);
    assert.equal(await born(104), was);
    await until('the network that it had', () => pings('10.9.0.104'));
  });

  check('a container is adopted by id and name alone', async () => {
    await theirs(104, 'app-server');
    const before = await conf(104);
    const foreign = { code: 'foreign', message: /container 104 is app-server in Proxmox, not web/ };
    await assert.rejects(containers.create('web', moved), foreign);
    assert.equal(await containers.isForeign('web', 104), true);
    assert.equal(await containers.isForeign('app-server', 300), true);
    await assert.rejects(containers.create('web', { ...moved, made: 'pct' }), { code: 'foreign' });
    await assert.rejects(containers.create('app-server', { ...moved, made: 'pct' }), { code: 'foreign' });
    assert.equal(await conf(104), before);
  });

  check('only what carries our token is destroyed: not one that somebody has made in the place of ours', async () => {
    const ours = definition(104, { made: 'pct' });
    await containers.create('app-server', ours);
    await containers.destroy('app-server');
    await pct('destroy', '104');
    await theirs(104, 'app-server');
    const before = await conf(104);
    await containers.tidy();
    assert.equal(await conf(104), before);
    assert.equal(await containers.isForeign('app-server', 104), true);
  });

  check('a container that Proxmox is busy with is left alone, and who holds it is told', async () => {
    await containers.create('web', web);
    const hasty = pctContainers({ ...options, lockPatience: 100 });
    const before = await conf(105);
    await writeFile(`${node}/etc/pve/lxc/105.conf`, `lock: backup\n${before}`);
    const told = { code: 'host', message: /\(backup\)/, hint: /pct unlock 105/ };
    await assert.rejects(hasty.configure('web', { ...web, order: 5 }), told);
    await assert.rejects(hasty.start('web'), told);
    await writeFile(`${node}/etc/pve/lxc/105.conf`, before);
    await hasty.configure('web', { ...web, order: 5 });
    assert.match(await conf(105), /^startup: order=5$/m);
  });

  check('a creation that Proxmox is still at work on when we are killed is waited for', async () => {
    const control = `${node}/etc/pve-double.json`;
    const during = (verb: string, action: (driver: Containers) => Promise<void>): Promise<void> =>
      new Promise((resolve) => {
        const dying: Exec = (argv, more) => {
          const result = exec(argv, more);
          if (argv[0] !== 'pct' || argv[1] !== verb) return result;
          void until('the lock', async () => /^lock: /m.test(await conf(105).catch(() => ''))).then(resolve);
          return new Promise(() => {});
        };
        void action(pctContainers({ ...options, exec: dying }));
      });
    await writeFile(control, JSON.stringify({ delay: { create: 1500 } }));
    await during('create', (driver) => driver.create('web', web));
    assert.equal(await conf(105), 'lock: create\n');
    assert.equal(await containers.isForeign('web', 105), false);
    await containers.create('web', web);
    assert.equal(await containers.read('web', '/etc/hostname'), 'web\n');
    await containers.destroy('web');
    await containers.tidy();
    await writeFile(control, '{}');
    // Or its task has died too, and nothing but the lock is left.
    const token = 'op-dbus-0123456789abcdef';
    await mkdir(`${options.records}/container/web`, { recursive: true });
    await writeFile(`${options.records}/container/web/making.json`, JSON.stringify({ id: 105, token }));
    await writeFile(`${node}/etc/pve/lxc/105.conf`, 'lock: create\n');
    await containers.tidy();
    assert.deepEqual(await bench.leftover(), []);
  });

  check(
    'a start or shutdown that goes on when its command is killed is waited for before anything is listed',
    async () => {
      const control = `${node}/etc/pve-double.json`;
      const during = async (verb: string, action: (driver: Containers) => Promise<void>): Promise<void> => {
        const begun = Promise.withResolvers<void>();
        const dying: Exec = (argv, more) => {
          const result = exec(argv, more);
          if (argv[0] !== 'pct' || argv[1] !== verb) return result;
          begun.resolve();
          return new Promise(() => {});
        };
        void action(pctContainers({ ...options, exec: dying }));
        await begun.promise;
        await until('its process', async () => (await atWork([105], [verb])) !== null);
      };
      const next = async (): Promise<boolean | undefined> => (await pctContainers(options).list())[0]?.running;
      await port(web);
      await containers.create('web', web);
      await writeFile(control, JSON.stringify({ delay: { start: 1500, shutdown: 1500 } }));
      await during('start', (driver) => driver.start('web'));
      assert.equal(await next(), true);
      await during('shutdown', (driver) => driver.stop('web'));
      const hasty = pctContainers({ ...options, lockPatience: 100 });
      const told = { code: 'timeout', message: /pct shutdown 105, process \d+, has not ended/, at: 'container 105' };
      await assert.rejects(hasty.list(), told);
      assert.equal(await next(), false);
      assert.equal((await hasty.list())[0]?.running, false);
      await writeFile(control, '{}');
    },
  );

  check('what a killed command has mounted is given free by the next one, and what others have is not', async () => {
    await containers.create('web', web);
    const killed = pctContainers(options);
    const hostname = await killed.read('web', '/etc/hostname');
    assert.equal(hostname, 'web\n');
    // It would unmount after a while.
    const note = `${options.records}/container/web/mounted`;
    await until('its end', async () => !(await conf(105)).includes('lock: mounted') && !existsSync(note));
    await writeFile(note, '');
    await pct('mount', '105');
    await containers.configure('web', { ...web, order: 6 });
    assert.doesNotMatch(await conf(105), /^lock/m);
    await pct('mount', '105');
    assert.equal(await containers.read('web', '/etc/hostname'), 'web\n');
    await containers.close();
    assert.match(await conf(105), /^lock: mounted$/m);
    await pct('unmount', '105');
  });

  check('programs of the host are shown inside, also when there are snapshots', async () => {
    await writeFile(`${node}/program`, '#!/bin/sh\necho here\n', { mode: 0o755 });
    await containers.create('web', web);
    await pct('snapshot', '105', 'before');
    await containers.configure('web', { ...web, binds: { '/usr/local/bin/program': `${node}/program` } });
    const text = await conf(105);
    assert.ok(text.indexOf('lxc.mount.entry') < text.indexOf('[before]') && text.includes('lxc.mount.entry'), text);
    await containers.start('web');
    assert.equal((await containers.exec('web', ['program'])).stdout, 'here');
    await containers.stop('web');
    await containers.configure('web', web);
    assert.doesNotMatch(await conf(105), /lxc\.mount\.entry/);
  });

  check('listing and reading what runs start no program', async () => {
    await port(web);
    await containers.create('web', web);
    await containers.start('web');
    await containers.tidy();
    called.splice(0);
    assert.equal((await containers.list())[0]?.running, true);
    assert.equal(await containers.read('web', '/etc/hostname'), 'web\n');
    await containers.strangers();
    await containers.tidy();
    assert.deepEqual(called, []);
  });

  check("Proxmox's own does not offer the host's resolver to a container of ours", async () => {
    await port(web);
    await containers.create('web', { ...web, nameservers: [] });
    await containers.start('web');
    assert.equal(await containers.read('web', '/etc/resolv.conf'), '');
  });
}
