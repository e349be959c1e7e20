// What a process's command line and status tell of Proxmox's tasks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHosts, taskOf } from './task.ts';

test('a task is known by its UPID, and by the pct that waits for it', () => {
  const shutdown = { verb: 'shutdown', id: 100 };
  assert.deepEqual(taskOf('/usr/bin/perl\0-T\0/usr/sbin/pct\0shutdown\x00100\0--timeout\x0010\0'), shutdown);
  assert.deepEqual(taskOf('pct\0shutdown\x00100\0'), shutdown);
  assert.deepEqual(taskOf('task UPID:pve:0001A2B3:00C4D5E6:65A1B2C3:vzshutdown:100:root@pam:\0'), shutdown);
  for (const line of [
    '',
    'pct\0list\0',
    'mypct\0shutdown\x00100\0',
    'pct shutdown 100\0',
    'pct\0shutdown\x00100x\0',
    'task UPID:pve:0001A2B3:00C4D5E6:65A1B2C3:qmshutdown:100:root@pam:\0',
  ])
    assert.equal(taskOf(line), null, JSON.stringify(line));
});

test("a process inside a container, or of somebody else's, is none of Proxmox's, whatever it calls itself", () => {
  const status = (uid: number, pids: string): string =>
    `Name:\tpct\nPid:\t812\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nNSpid:\t${pids}\nNSpgid:\t812\n`;
  assert.equal(isHosts(status(0, '812')), true);
  assert.equal(isHosts(status(100_000, '812')), false);
  assert.equal(isHosts(status(0, '812\t17')), false);
  assert.equal(isHosts(''), false);
});
