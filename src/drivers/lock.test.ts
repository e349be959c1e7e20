// The lock: held once, free after, also after a failure or a kill; what is no lock is told as what it is.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { locked } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'op-dbus-lock-'));
after(() => rmSync(folder, { recursive: true }));

test('what is held is refused with the name of who holds it, and is free afterwards, with no file left', async () => {
  const path = join(folder, 'one');
  await locked(path, 'op-dbus', async () => {
    await assert.rejects(
      locked(path, 'op-dbus', async () => 1, 100),
      { code: 'host', message: 'another op-dbus is at work' },
    );
    assert.equal(await locked(`${path}-2`, 'op-dbus', async () => 2), 2);
  });
  await assert.rejects(
    locked(path, 'op-dbus', async () => Promise.reject(new TypeError('x'))),
    TypeError,
  );
  assert.equal(existsSync(path), false);
  assert.equal(await locked(path, 'op-dbus', async () => 3), 3);
});

test('of many at once never two hold it', async () => {
  let inside = 0;
  const worked = await Promise.allSettled(
    Array.from({ length: 8 }, () =>
      locked(join(folder, 'many'), 'op-dbus', async () => {
        inside += 1;
        assert.equal(inside, 1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inside -= 1;
      }),
    ),
  );
  const failures = worked.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  assert.deepEqual(
    failures.filter((message) => !message.includes('another op-dbus is at work')),
    [],
  );
  assert.ok(failures.length < 8);
});

test('a holder that is killed holds it no longer, and the file that it left is no hindrance', async () => {
  const path = join(folder, 'killed');
  const program = `import { locked } from ${JSON.stringify(import.meta.resolve('./lock.ts'))};
    await locked(${JSON.stringify(path)}, 'x', () => new Promise((resolve) => { setTimeout(resolve, 20_000); console.log('held'); }));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await assert.rejects(
    locked(path, 'op-dbus', async () => 1, 100),
    /another op-dbus is at work/,
  );
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.equal(existsSync(path), true);
  assert.equal(await locked(path, 'op-dbus', async () => 2), 2);
});

test('a path that can be no lock is told so, not that somebody is at work', async () => {
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'file'), '');
  for (const path of [join(folder, 'folder'), join(folder, 'file', 'x'), join(folder, 'none', 'x')])
    await assert.rejects(
      locked(path, 'op-dbus', async () => 1),
      { code: 'host', message: /^the lock can't be opened: E/, at: path },
    );
});
