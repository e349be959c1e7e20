// Watching containers for real: what dies, boots anew or changes inside, with the looks at /proc turned off where an event
// should tell. Needs root.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, run } from '../exec.ts';
import { startTime } from '../process.ts';
import { lxcBench, one, until } from './bench.ts';
import { lxcContainers } from './client.ts';
import type { Containers } from './contract.ts';
import { isPrivate, runPrivately } from './testing.ts';

if (isPrivate()) await inside();
else
  void test('watching containers on a private host', async () => {
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(): Promise<void> {
  const { home, options, containers, called, check, up, inner } = await lxcBench();
  await containers.prepare('debian-12', () => {});
  const byEvents = lxcContainers({ ...options, pulse: 1_000_000_000 });
  const byLooks = lxcContainers({ ...options, pulse: 20 });
  const root = { mode: 0o644, uid: 0, gid: 0 } as const;

  const noted = async (file: string): Promise<number> =>
    Number((await readFile(`${home}/container/one/${file}`, 'utf8')).split(' ')[0]);

  /** Does something, and waits until somebody who looks at once whenever he is told sees that `holds`. */
  async function seen(
    by: Containers,
    what: string,
    act: () => Promise<unknown>,
    holds: () => Promise<boolean>,
  ): Promise<void> {
    let done = false;
    const look = async (): Promise<void> => {
      done ||= await holds().catch(() => false);
    };
    const watch = await by.watch({ one: ['daemon', 'made@x'] }, () => void look());
    try {
      await act();
      await until(what, async () => done);
    } finally {
      await watch.close();
    }
  }

  const running = async (): Promise<boolean> => (await containers.list())[0]?.running === true;

  check('the deaths of init, of the monitor and of both are seen by events, and so is a boot from inside', async () => {
    await up('one', one);
    const first = await noted('pid');
    const anew = async (): Promise<boolean> => (await noted('pid').catch(() => first)) !== first && (await running());
    await seen(byEvents, 'a boot', () => inner('systemctl', 'reboot'), anew);
    await containers.start('one');
    const gone = async (): Promise<boolean> => !(await running());
    const kill =
      (...files: readonly string[]) =>
      async (): Promise<void> => {
        const pids = await Promise.all(files.map(noted));
        for (const pid of pids) end(pid);
      };
    await seen(byEvents, 'the end of init', kill('pid'), gone);
    await containers.start('one');
    await seen(byEvents, 'the end of both', kill('monitor', 'pid'), gone);
    await containers.start('one');
    const init = await noted('pid');
    await seen(byEvents, 'the end of the monitor', kill('monitor'), gone);
    end(init);
    await sleep(100);
  });

  check('a unit whose process is killed, and one that is started anew at once, are seen by events', async () => {
    await up('one', one);
    const service = (more: string): string => `[Service]\nExecStart=/bin/sleep 1000\n${more}`;
    await containers.write(
      'one',
      '/etc/systemd/system/daemon.service',
      service('Restart=always\nRestartSec=0\n'),
      root,
    );
    await containers.write('one', '/etc/systemd/system/made@.service', service(''), root);
    await inner('systemctl', 'start', 'daemon', 'made@x');
    const pid = (unit: string): Promise<string> => inner('systemctl', 'show', '-P', 'MainPID', unit);
    const old = await pid('daemon');
    const other = async (): Promise<boolean> => !['0', old].includes(await pid('daemon'));
    await seen(byEvents, 'another process', () => inner('kill', '-9', old), other);
    const dead = async (): Promise<boolean> => (await containers.activeUnits('one', ['made@x'])).size === 0;
    await seen(byEvents, 'a dead unit', async () => inner('kill', '-9', await pid('made@x')), dead);
    // Whose end systemd doesn't clear away.
    const init = await noted('pid');
    const cgroup = /^0::(.*)\/init\.scope$/m.exec(await readFile(`/proc/${init}/cgroup`, 'utf8'))?.[1] ?? '';
    const procs = `/sys/fs/cgroup${cgroup}/system.slice/daemon.service/cgroup.procs`;
    const last = Number((await readFile(procs, 'utf8')).trim());
    process.kill(init, 'SIGSTOP');
    const ended = async (): Promise<boolean> => (await startTime(last)) === null;
    await seen(byEvents, 'an end that nobody clears away', async () => process.kill(last, 'SIGKILL'), ended);
    process.kill(init, 'SIGCONT');
    const back = async (): Promise<boolean> => (await containers.activeUnits('one', ['made@x'])).size === 1;
    await seen(byEvents, 'a unit that is back', () => inner('systemctl', 'start', 'made@x'), back);
    await seen(byEvents, 'a restart', () => inner('systemctl', 'restart', 'made@x'), back);
  });

  check('a network device that goes or comes inside is seen, with no program started', async () => {
    await up('one', one);
    const has = async (): Promise<boolean> => (await containers.devices('one')).has('t0');
    const ip = (command: string) => () => inner('ip', 'tuntap', command, 'dev', 't0', 'mode', 'tun');
    const lacks = async (): Promise<boolean> => !(await has());
    await seen(byLooks, 'a device', ip('add'), has);
    await seen(byLooks, 'the end of a device', ip('del'), lacks);
    called.splice(0);
    const watch = await byLooks.watch({ one: ['daemon'] }, () => {});
    await sleep(100);
    await watch.close();
    assert.deepEqual(called, []);
  });

  check('without anything happening nothing is told, however often it looks', async () => {
    await up('one', one);
    const script = '[Service]\nExecStart=/bin/sh -c "while :; do sleep 0.05; done"\n';
    await containers.write('one', '/etc/systemd/system/daemon.service', script, root);
    await inner('systemctl', 'start', 'daemon');
    let told = 0;
    const watch = await byLooks.watch({ one: ['daemon', 'made@x'] }, () => void told++);
    // The last of what has just begun.
    await until('quiet', async () => {
      const before = told;
      await sleep(500);
      return told === before;
    });
    told = 0;
    await run(exec, ['sleep', '1']);
    assert.equal(told, 0);
    await watch.close();
  });
}

/** One that has ended since, for the other's end was its own, is no error: what the watch saw counts. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
