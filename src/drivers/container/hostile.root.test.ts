// The container driver against root inside a container, and against a user of the machine, on a private host. Needs root.
//
//   host ── folder shared ▷ one:/srv/shared (writable mount, the host's owners)
//        ── @/var/lib/lxc/one/command ◁ a program of nobody's

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { exec, run } from '../exec.ts';
import { devices, lxcBench, one, pings, until } from './bench.ts';
import { lxcContainers } from './client.ts';
import { definition } from './sample.ts';
import { isPrivate, runPrivately } from './testing.ts';

if (isPrivate()) await inside();
else
  void test('hostile containers and users on a private host', async () => {
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(): Promise<void> {
  const { host, options, containers, bench, check, inner } = await lxcBench();
  await containers.prepare('debian-12', () => {});
  const shared = `${host.folder}/shared`;
  const target = `${shared}/target`;
  const secret = { mode: 0o600, uid: 0, gid: 0 } as const;
  const program = { mode: 0o755, uid: 0, gid: 0 } as const;

  /** Container `one`, in which /srv/shared is a folder of the host's. */
  async function upShared(): Promise<void> {
    await rm(shared, { recursive: true, force: true });
    await mkdir(`${shared}/old`, { recursive: true, mode: 0o755 });
    await writeFile(target, "the host's\n", { mode: 0o644 });
    await writeFile(`${shared}/hidden`, "the host's alone\n", { mode: 0o600 });
    for (const [path, mode] of [
      [shared, 0o755],
      [target, 0o644],
    ] as const)
      await chmod(path, mode);
    await bench.port(one);
    await containers.create('one', one);
    const entry = `lxc.mount.entry = ${shared} srv/shared none bind,create=dir 0 0\n`;
    await appendFile('/var/lib/lxc/one/config', entry);
    await containers.start('one');
    assert.equal(await inner('cat', '/srv/shared/target'), "the host's");
  }

  async function untouched(): Promise<void> {
    const { uid, gid, mode } = await stat(target);
    const text = await readFile(target, 'utf8');
    assert.deepEqual([text.slice(0, 20), uid, gid, mode & 0o7777], ["the host's\n", 0, 0, 0o644]);
  }

  check('what is mounted over a file while it is written stays as it was', async () => {
    await upShared();
    // mount(2) itself, bind: a program would come too late.
    const race = `#!/usr/bin/perl
      use POSIX ();
      my ($number) = ((POSIX::uname())[4] eq 'aarch64') ? 40 : 165;
      my $target = '/srv/shared/target';
      my $won = 0;
      for (;;) {
          opendir(my $folder, '/etc/wireguard') or die;
          for my $name (grep { /^\\.op-dbus-/ && !$seen{$_}++ } readdir $folder) {
              my $path = "/etc/wireguard/$name";
              next if syscall($number, $target, $path, 0, 4096, 0) != 0;
              open(my $raced, '>', '/srv/raced') or die;
              print $raced ++$won;
          }
      }`;
    await containers.write('one', '/etc/wireguard/race', race, program);
    const unit = '[Service]\nExecStart=/etc/wireguard/race\n';
    await containers.write('one', '/etc/systemd/system/race.service', unit, { ...secret, mode: 0o644 });
    await inner('systemctl', 'start', 'race');
    // Long, so that there is time to mount something in between.
    const text = 'x'.repeat(4 * 1024 * 1024);
    await until('races that were won inside', async () => {
      await containers.write('one', '/etc/wireguard/private.key', text, secret).catch(() => {});
      await untouched();
      return Number(await containers.read('one', '/srv/raced')) >= 10;
    });
    await inner('systemctl', 'stop', 'race');
    await containers.write('one', '/etc/wireguard/private.key', 'text', secret);
    assert.equal(await inner('cat', '/etc/wireguard/private.key'), 'text');
    await untouched();
  });

  check('in a folder of the host that is shown inside, nothing is written, made or removed', async () => {
    await upShared();
    const denied = { code: 'host', message: /as the container's root: .*Permission denied/ };
    await assert.rejects(containers.write('one', '/srv/shared/target', 'x', secret), denied);
    await assert.rejects(containers.write('one', '/srv/shared/new/file', 'x', secret), denied);
    await assert.rejects(containers.link('one', '/srv/shared/target', 'x'), denied);
    await assert.rejects(containers.remove('one', '/srv/shared/target'), denied);
    await untouched();
    assert.equal(
      await run(exec, ['find', shared, '-mindepth', '1', '-newer', target, '-type', 'f', '-name', '.*']),
      '',
    );
    // What the container's root may do on a mount, it does.
    await containers.write('one', '/run/op/file', 'x', secret);
    await containers.link('one', '/run/op/link', 'file');
    assert.equal(await inner('cat', '/run/op/link'), 'x');
    await containers.remove('one', '/run/op/file');
    assert.equal(await inner('ls', '-A', '/run/op'), 'link');
  });

  check('what is mounted over a file is not read in its place', async () => {
    await upShared();
    const elsewhere = { code: 'foreign', message: /is mounted from elsewhere/ };
    await containers.write('one', '/etc/own', 'own', secret);
    assert.equal(await containers.read('one', '/etc/own'), 'own');
    for (const source of ['/srv/shared/hidden', '/proc/kmsg', '/proc/1/environ']) {
      await inner('mount', '--bind', source, '/etc/own');
      await assert.rejects(containers.read('one', '/etc/own'), elsewhere);
      await inner('umount', '/etc/own');
    }
    await inner('mount', '--bind', '/srv/shared', '/etc/apt');
    await assert.rejects(containers.read('one', '/etc/apt/hidden'), elsewhere);
    await assert.rejects(containers.read('one', '/proc/version'), elsewhere);
    assert.equal(await containers.read('one', '/etc/own'), 'own');
  });

  check('a first process that has gone over to another root is refused', async () => {
    await upShared();
    await inner('mount', '--make-rprivate', '/');
    await inner('mount', '--bind', '/srv/shared', '/mnt');
    await inner('pivot_root', '/mnt', '/mnt/old');
    const gone = { code: 'foreign', message: 'container one: its first process has gone over to another root' };
    await assert.rejects(containers.read('one', '/hidden'), gone);
    await assert.rejects(containers.write('one', '/target', 'x', secret), gone);
    await assert.rejects(containers.remove('one', '/target'), gone);
    await assert.rejects(containers.activeUnits('one', ['x']), gone);
    await untouched();
    await run(exec, ['lxc-stop', '-n', 'one', '-k']);
    await until('its end', async () => (await containers.list())[0]?.running === false);
    await containers.start('one');
    assert.ok(await pings());
  });

  check("who listens on LXC's socket of a stopped container is neither obeyed nor in the way", async () => {
    await bench.port(one);
    await containers.create('one', one);
    const impostor = await listen('/var/lib/lxc/one/command');
    try {
      const [listed] = await containers.list();
      assert.deepEqual([listed?.running, listed?.attached], [false, true]);
      await containers.write('one', '/etc/key', 'secret', secret);
      assert.equal(await containers.read('one', '/etc/key'), 'secret');
      assert.deepEqual(await containers.activeUnits('one', ['x']), new Set());
      await assert.rejects(containers.exec('one', ['cat'], { stdin: 'secret' }), { message: /one is not running/ });
      const hasty = lxcContainers({ ...options, patience: 300 });
      await assert.rejects(hasty.start('one'), {
        code: 'foreign',
        message: /can't start: a program that is not LXC has its socket @\/var\/lib\/lxc\/one\/command/,
        hint: /ss -xlp/,
      });
      await containers.stop('one');
      await containers.destroy('one');
      assert.deepEqual(await containers.list(), []);
      await containers.create('one', one);
    } finally {
      await impostor.end();
    }
    assert.equal(impostor.heard(), 'ready\n', 'it was asked');
    await containers.start('one');
    assert.ok(await pings());
  });

  check('a pair of devices that only has the name of ours is left alone', async () => {
    const veth = definition(105, { mode: 'veth', port: { row: 'veth105', device: 'veth105', ofport: 105 } });
    const theirs = ['op-peer7', 'op-peer105'];
    for (const device of theirs)
      await run(exec, ['ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}-b`]);
    try {
      await containers.tidy();
      await containers.create('two', veth);
      await assert.rejects(containers.start('two'), { code: 'host', message: /device op-peer105 .* not op-dbus's/ });
      await containers.destroy('two');
      const left = await devices();
      for (const device of theirs) assert.ok(left.includes(device), device);
    } finally {
      for (const device of theirs) await run(exec, ['ip', 'link', 'delete', device]);
    }
    await containers.create('two', veth);
    await containers.start('two');
    // Root inside can take the mark off what it has.
    await containers.exec('two', ['ip', 'link', 'set', 'dev', 'eth0', 'alias', '']);
    await containers.stop('two');
    await containers.destroy('two');
    const left = (await devices()).filter((name) => /^(veth|op-peer)105$/.test(name));
    assert.deepEqual(left, []);
  });
}

type Impostor = { readonly heard: () => string; readonly end: () => Promise<void> };

/** A program of nobody's that answers whatever LXC's programs ask with its own pid as init's. */
async function listen(name: string): Promise<Impostor> {
  const script = `
    use Socket;
    $| = 1;
    socket(my $server, AF_UNIX, SOCK_STREAM, 0) or die;
    bind($server, pack_sockaddr_un("\\0$ARGV[0]")) or die;
    listen($server, 10) or die;
    print "ready\\n";
    while (accept(my $client, $server)) {
        print "asked\\n";
        syswrite($client, pack('i i i x4 Q', 0, 0, 0, $$));
    }`;
  const argv = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--pdeathsig', 'KILL', 'perl', '-e', script];
  const child: ChildProcess = spawn('setpriv', [...argv, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  let heard = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (heard += text));
  await until('a program on the socket', async () => heard.startsWith('ready'));
  const end = async (): Promise<void> => {
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  };
  return { heard: () => heard, end };
}
