// `lab up` interrupted, half made, and where pid 1 doesn't reap: needs root; makes and removes labs of its own.

import './testing.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { after, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../drivers/exec.ts';
import { source } from '../drivers/source.ts';
import { capture, down, status, up } from './lab.ts';
import { CGROUP, FOLDER } from './record.ts';

const clean = () => down(() => undefined);
beforeEach(clean);
after(clean);

const cli = [process.execPath, source('src/cli/main.ts')] as const;

test('a building that is stopped at any moment fails with the reason and leaves nothing', async () => {
  for (const moment of [0, 60, 150, 300, 450]) {
    const stop = new AbortController();
    const building = up({ progress: () => undefined, configure: () => sleep(20), stop: stop.signal });
    const failed = assert.rejects(building, (error) => error === stop.signal.reason, `stopped after ${moment} ms`);
    await sleep(moment);
    stop.abort();
    await failed;
    assert.equal(existsSync(FOLDER), false, `stopped after ${moment} ms`);
  }
});

test('what runs in a host is ended when the building is stopped', async () => {
  const stop = new AbortController();
  const configure = async (): Promise<void> => {
    setTimeout(() => stop.abort(), 100);
    assert.equal((await capture('home', ['sleep', '25'])).code, 137);
  };
  await assert.rejects(up({ progress: () => undefined, configure, stop: stop.signal }), { name: 'AbortError' });
  assert.equal((await status()).state, 'none');
});

test('Ctrl-C in lab up is told as one, with exit status 130, and nothing is left', async () => {
  for (const line of ['hosts: ', 'home# op-dbus apply']) {
    const child = spawn(cli[0], [cli[1], 'lab', 'up'], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let [printed, said, sent] = ['', '', false];
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      if (sent || !printed.includes(line)) return;
      sent = true;
      // To the whole group, as a terminal does.
      process.kill(-(child.pid ?? 0), 'SIGINT');
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 130, said);
    assert.match(said, /^interrupted; what was made is removed$/m);
    assert.doesNotMatch(said, /error\[/);
    assert.equal(existsSync(FOLDER), false, line);
  }
});

test('a lab whose making was killed is told from a whole one; programs run in it, but it is not proved', async () => {
  await assert.rejects(up({ progress: () => undefined, configure: () => Promise.reject(new Error('no')), keep: true }));
  assert.equal((await status()).state, 'half');
  const shown = await exec([...cli, 'lab', 'status']);
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /half made.* lab up$/m);
  const proved = await exec([...cli, 'lab', 'prove']);
  assert.equal(proved.code, 1);
  assert.match(proved.stderr, /half made[^]*Run: .* lab up/);
  const ran = await exec([...cli, 'lab', 'exec', 'home', '--', 'hostname']);
  assert.equal(ran.stdout, 'home');
  assert.match(ran.stderr, /^note: half made/);
  await clean();
  assert.equal((await status()).state, 'none');
});

test('down and up work where pid 1 does not take in its orphans', async () => {
  const holder = spawn('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', 'sleep', '300'], {
    stdio: 'ignore',
  });
  try {
    let pid = '';
    for (const end = Date.now() + 10_000; pid === ''; await sleep(10)) {
      pid = (await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')).trim();
      assert.ok(Date.now() < end, 'the namespace is not made');
    }
    const lab = `import { up, down, run } from ${JSON.stringify(source('src/lab/lab.ts'))};`;
    const inside = (script: string): [string, ...string[]] => {
      const node = [process.execPath, '--input-type=module', '--eval', `${lab} ${script}`];
      return ['nsenter', `--target=${pid}`, '--pid', '--mount', '--root', '--wd', '--', ...node];
    };
    const make = inside('await up({ progress() {} });');
    const remove = inside('await down(() => {});');
    assert.equal((await exec(make)).code, 0);
    // nsenter(1) and its child in the host are killed at once: the child is then the outer pid 1's to take in.
    const [program, ...args] = inside("await run('home', ['sh', '-c', 'echo in; exec sleep 100']);");
    const visitor = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(visitor.stdout, 'data');
    assert.deepEqual(await exec(remove), { code: 0, stdout: '', stderr: '' });
    const zombies = await exec([
      'nsenter',
      `--target=${pid}`,
      '--pid',
      '--mount',
      '--root',
      '--wd',
      '--',
      'ps',
      '-e',
      '-o',
      'stat=',
    ]);
    assert.match(zombies.stdout, /^Z/m, 'this test needs a zombie');
    const again = await exec(make);
    assert.equal(again.code, 0, again.stderr);
    assert.equal((await exec(remove)).code, 0);
  } finally {
    holder.kill('SIGKILL');
    // The lab's cgroup may be left when the test failed; mounted here it can be emptied.
    await writeFile(`${CGROUP}/cgroup.kill`, '1').catch(() => undefined);
  }
});
