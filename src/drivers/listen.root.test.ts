// Programs that listen for us, in a network namespace of the tests' own: when they begin, how they end. Needs root.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { exec, run } from './exec.ts';
import { type Listener, listen } from './listen.ts';
import { startTime } from './process.ts';
import { until } from './watch.suite.ts';

const held: (() => void)[] = [];
after(() => held.forEach((end) => end()));

/** The prefix that enters a network namespace, which lasts as long as the process in it. */
async function namespace(): Promise<readonly [string, string]> {
  const process = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  held.push(() => process.kill('SIGKILL'));
  await once(process.stdout, 'data');
  return ['nsenter', `--net=/proc/${process.pid}/ns/net`];
}

const rules = { protocol: 0, groups: 1 << 7, tells: () => true };

/** Pids of the programs in the namespace that have this word in their vectors. */
async function inside(enter: readonly [string, string], word: string): Promise<readonly number[]> {
  const space = await run(exec, [...enter, 'readlink', '/proc/self/ns/net']);
  const { stdout } = await exec(['pgrep', '-f', word]);
  const pids = stdout.split('\n').filter((pid) => pid !== '');
  const spaces = await Promise.all(pids.map((pid) => exec(['readlink', `/proc/${pid}/ns/net`])));
  return pids.filter((_, at) => spaces[at]?.stdout === space).map(Number);
}

test('what happens from the moment on that a watch is there is told, however soon', async () => {
  const enter = await namespace();
  for (let round = 0; round < 10; round++) {
    let told = 0;
    const argv = [...enter, 'ip', '-o', 'monitor', 'rule'] as const;
    const watch = await listen({ ...rules, argv }, () => void told++);
    await run(exec, [...enter, 'ip', 'rule', 'add', 'from', `192.0.2.${round}`, 'lookup', '7']);
    await until('told', () => told > 0);
    await watch.close();
  }
});

test('a program that is slow to listen is waited for', async () => {
  const enter = await namespace();
  const slow = ['sh', '-c', 'sleep 0.3; exec ip -o monitor rule'] as const;
  let told = 0;
  const watch = await listen({ ...rules, argv: [...enter, ...slow] }, () => void told++);
  await run(exec, [...enter, 'ip', 'rule', 'add', 'from', '192.0.2.1', 'lookup', '7']);
  await until('told', () => told > 0);
  await watch.close();
});

test('a program that is not there, or ends, is an error that says why', async () => {
  const failing: readonly (readonly [Listener['argv'], RegExp])[] = [
    [['no-such-program'], /no-such-program ended: exit \d+: .*No such file/],
    [['sh', '-c', 'echo first >&2; echo why >&2; exit 3'], /ended: exit 3: why/],
  ];
  for (const [argv, message] of failing)
    await assert.rejects(
      listen({ ...rules, argv }, () => {}),
      { code: 'host', message },
    );
});

test('a watch whose program is killed ends, and tells nothing', async () => {
  const enter = await namespace();
  const argv = [...enter, 'ip', '-o', 'monitor', 'rule'] as const;
  const watch = await listen({ ...rules, argv }, () => assert.fail('told'));
  const [pid = 0] = await inside(enter, 'ip -o monitor rule');
  process.kill(pid, 'SIGKILL');
  assert.match((await watch.ended).message, /ip -o monitor rule ended: SIGKILL/);
  await watch.close();
});

test('its errors are told, since it may have missed something; lines that tell nothing are not', async () => {
  const enter = await namespace();
  for (const [says, added] of [
    ['echo nothing', ['192.0.2.1']],
    ['echo lost >&2', []],
  ] as const) {
    let told = 0;
    const argv = [...enter, 'sh', '-c', `${says}; exec ip -o monitor rule`] as const;
    const watch = await listen({ ...rules, tells: (line) => line !== 'nothing', argv }, () => void told++);
    // Lines come in order.
    for (const from of added) await run(exec, [...enter, 'ip', 'rule', 'add', 'from', from, 'lookup', '7']);
    await until('told', () => told > 0);
    assert.equal(told, 1);
    await watch.close();
  }
});

test('it dies with us, also when we are killed, and does not keep us alive', async () => {
  const enter = await namespace();
  const module = new URL('listen.ts', import.meta.url).href;
  const script = (then: string): string => `const { listen } = await import(${JSON.stringify(module)});
    const argv = ${JSON.stringify([...enter, 'ip', '-o', 'monitor', 'rule'])};
    await listen({ argv, protocol: 0, groups: 1 << 7, tells: () => true }, () => {});
    ${then}`;
  for (const then of ['process.kill(process.pid, "SIGKILL");', '']) {
    const { code } = await exec([process.execPath, '--input-type=module', '-e', script(then)], { deadline: 10_000 });
    assert.equal(code, then === '' ? 0 : 137);
    for (const pid of await inside(enter, 'ip -o monitor rule'))
      for (const end = Date.now() + 5000; (await startTime(pid)) !== null; )
        assert.ok(Date.now() < end, await readFile(`/proc/${pid}/cmdline`, 'utf8'));
  }
});

test('closing waits for nobody who has its output, and nothing that was said before is told after', async () => {
  const enter = await namespace();
  let [told, open] = [0, true];
  const argv = [...enter, 'sh', '-c', 'yes & exec ip -o monitor rule'] as const;
  const watch = await listen({ ...rules, argv }, () => {
    assert.ok(open, 'told after it was closed');
    told++;
  });
  await until('told', () => told > 3);
  const closed = watch.close();
  open = false;
  await closed;
  for (const end = Date.now() + 5000; (await inside(enter, '^yes$')).length > 0; ) assert.ok(Date.now() < end);
});

test('what it says without end is not kept', async () => {
  const enter = await namespace();
  const script = 'head -c 50000000 /dev/zero | tr "\\0" x; exec ip -o monitor rule';
  const before = process.memoryUsage().rss;
  const watch = await listen({ ...rules, argv: [...enter, 'sh', '-c', script] }, () => {});
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 30_000_000, `${grown} bytes`);
  await watch.close();
});
