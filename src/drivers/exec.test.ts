// Programs for real: their output, their ends, their deadlines.

import assert from 'node:assert/strict';
import { constants, tmpdir } from 'node:os';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, run } from './exec.ts';

const shell = (script: string): [string, ...string[]] => ['sh', '-c', script];

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'op-exec-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('output comes whole, without its last newline, and with the exit status', async () => {
  const { code, stdout, stderr } = await exec(shell('printf "a\\n\\n"; printf "ä" >&2; exit 3'));
  assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'a\n', stderr: 'ä' });
  const long = await exec(shell('i=0; while [ $i -lt 2000 ]; do printf "%0100d" $i; i=$((i+1)); done'));
  assert.equal(long.stdout.length, 200_000);
});

test('stdin is what is given, else empty', async () => {
  assert.equal((await exec(['cat'], { stdin: 'a\nb' })).stdout, 'a\nb');
  assert.equal((await exec(['cat'], { stdin: '' })).stdout, '');
  assert.deepEqual(await exec(['cat']), { code: 0, stdout: '', stderr: '' });
});

test('a program may end without reading its input', async () => {
  assert.equal((await exec(['true'], { stdin: 'x'.repeat(1_000_000) })).code, 0);
});

test('the language is C, and variables are added to the environment', async () => {
  const { stdout } = await exec(shell('echo $LC_ALL $SAID ${HOME:+home}'), { env: { SAID: 'so' } });
  assert.equal(stdout, `C so${process.env['HOME'] ? ' home' : ''}`);
});

test('a program that a signal ends has 128 more than its number as status', async () => {
  for (const signal of ['TERM', 'SEGV', 'KILL'] as const)
    assert.equal((await exec(shell(`kill -${signal} $$`))).code, 128 + constants.signals[`SIG${signal}`]);
});

test('a program that is not installed is told from one that may not be run or has too long a vector', async () => {
  const missing = { code: 'host', message: 'op-no-such: not installed', hint: /Install/ };
  await assert.rejects(exec(['op-no-such'], { stdin: 'x' }), missing);
  await withFolder(async (folder) => {
    const path = join(folder, 'plain');
    await writeFile(path, '', { mode: 0o644 });
    const barred = { code: 'host', message: /plain: can't be started: .*EACCES/, hint: undefined };
    await assert.rejects(exec([path]), barred);
  });
  const long = { code: 'host', message: /^true: can't be started: .*E2BIG/ };
  await assert.rejects(exec(['true', 'x'.repeat(3_000_000)]), long);
});

test('a program that is late is killed with what it has started, and a timeout is thrown', async (context) => {
  await assert.rejects(exec(['sleep', '20'], { deadline: 100 }), { code: 'timeout' });
  await withFolder(async (folder) => {
    const pids = join(folder, 'pids');
    // The sleeper is a child of the shell's and holds the pipe.
    const script = `sleep 20 & echo $! $$ >${pids}.new; mv ${pids}.new ${pids}; wait; true`;
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const late = assert.rejects(exec(shell(script), { deadline: 100 }), {
      code: 'timeout',
      message: 'sh: no answer within 0.1 s',
    });
    const [sleeper, parent] = await numbers(pids);
    context.mock.timers.tick(100);
    for (const pid of [sleeper, parent]) await ended(pid ?? 0);
    await late;
  });
});

test('one that ended itself, but left the pipe to another session, is late too', async (context) => {
  await withFolder(async (folder) => {
    const pids = join(folder, 'pids');
    const pipes = (): number => process.getActiveResourcesInfo().filter((type) => type === 'PipeWrap').length;
    const before = pipes();
    const other = `setsid sh -c 'echo $$ $0 >${pids}.new; mv ${pids}.new ${pids}; exec sleep 20' $$`;
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const late = assert.rejects(exec(shell(`${other} &`), { deadline: 300 }), { code: 'timeout' });
    const [sleeper, parent] = await numbers(pids);
    try {
      await ended(parent ?? 0);
      context.mock.timers.tick(300);
      for (const end = Date.now() + 5000; pipes() !== before; await sleep(5))
        assert.ok(Date.now() < end, 'a pipe is still open, and would keep us from ending');
      await late;
    } finally {
      process.kill(sleeper ?? 0, 'SIGKILL');
    }
  });
});

test('a program that writes more than 16 MiB, on either side, is killed and refused', async () => {
  const bytes = (count: number): string => `head -c ${count} /dev/zero`;
  const half = 8 * 1024 * 1024;
  const { stdout, stderr } = await exec(shell(`${bytes(half)}; ${bytes(half)} >&2`));
  assert.deepEqual([stdout.length, stderr.length], [half, half]);
  const endless = { code: 'host', message: 'sh: more than 16 MiB of output' };
  await assert.rejects(exec(shell(`${bytes(half)}; ${bytes(half + 1)} >&2`)), endless);
  await withFolder(async (folder) => {
    const pids = join(folder, 'pids');
    await assert.rejects(exec(shell(`yes & echo $! $$ >${pids}; wait; true`), { deadline: null }), endless);
    for (const pid of (await readFile(pids, 'utf8')).trim().split(' ')) await ended(Number(pid));
  });
});

test('a descriptor of ours is the third of the program', async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, 'here'), '');
    const handle = await open(folder);
    try {
      assert.equal((await exec(['ls', '/proc/self/fd/3/'], { descriptor: handle.fd })).stdout, 'here');
    } finally {
      await handle.close();
    }
  });
});

test('without a deadline nothing is late', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  for (const deadline of [null, 0]) {
    const slow = exec(['sh', '-c', 'read x; echo "$x"'], { deadline, stdin: 'x\n' });
    context.mock.timers.tick(3_600_000);
    assert.equal((await slow).stdout, 'x');
  }
});

test('status 0 is insisted on with the last line of what was said', async () => {
  assert.equal(await run(exec, ['echo', 'a']), 'a');
  const said = { code: 'host', message: /^sh -c .*: exit 2: last$/s };
  await assert.rejects(run(exec, shell('echo first >&2; echo last >&2; exit 2')), said);
});

/** Waits until the file is there, whole, and reads its numbers: the deadline is moved by hand, however slow the machine. */
async function numbers(path: string): Promise<readonly number[]> {
  for (const end = Date.now() + 20_000; ; await sleep(5)) {
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text !== null) return text.trim().split(' ').map(Number);
    assert.ok(Date.now() < end, `${path} is not written`);
  }
}

/** Waits until a process is gone or waits to be collected. */
async function ended(pid: number): Promise<void> {
  for (const end = Date.now() + 5000; ; await sleep(5)) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '1 (x) Z ');
    if (stat.includes(') Z ')) return;
    assert.ok(Date.now() < end, `process ${pid} is still there`);
  }
}
