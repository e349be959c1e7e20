// One SSH connection to a box, over which everything is run (ssh(1), ControlMaster): whatever cuts it off makes all that comes
// after fail, since no other is opened.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, type ExecResult, run } from '../../src/drivers/exec.ts';

export type Ssh = {
  /** Runs a program in the box, for ten minutes at most. */
  readonly exec: (...argv: readonly string[]) => Promise<ExecResult>;
  /** Runs it on a terminal, made by script(1), and types `answer` when `prompt` has been shown. */
  readonly terminal: (
    argv: readonly string[],
    prompt: string,
    answer: string,
  ) => Promise<{ readonly code: number | null; readonly shown: string }>;
};

/** Logs in as root at `address`. `allow` puts a public key where the box's sshd looks for it. */
export async function openSsh(address: string, allow: (key: string) => Promise<unknown>): Promise<Ssh> {
  const folder = await mkdtemp('/run/ssh-');
  const key = join(folder, 'key');
  await run(exec, ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  await allow(await readFile(`${key}.pub`, 'utf8'));
  const socket = join(folder, 'socket');
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'BatchMode=yes'];
  const alive = ['ServerAliveInterval=5', 'ServerAliveCountMax=3'];
  const settings = [...options, ...alive].flatMap((option) => ['-o', option]);
  const to = `root@${address}`;
  const argv = ['--pdeathsig', 'KILL', 'ssh', '-F', 'none', '-M', '-N', '-S', socket, '-i', key, ...settings, to];
  const master = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  master.unref();
  while (!existsSync(socket)) {
    assert.equal(master.exitCode, null, `no SSH connection to ${address}`);
    await sleep(20);
  }
  const over = ['-F', 'none', '-S', socket, '-o', 'ProxyCommand=false', to, '--'];
  return {
    exec: (...command) => exec(['ssh', ...over, command.map(quoted).join(' ')], { deadline: 600_000 }),
    terminal: async (command, prompt, answer) => {
      const there = ['script', '-qec', command.map(quoted).join(' '), '/dev/null'];
      const child = spawn('ssh', [...over, there.map(quoted).join(' ')], { stdio: ['pipe', 'pipe', 'inherit'] });
      let shown = '';
      let asked = false;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
        if (asked || !shown.includes(prompt)) return;
        asked = true;
        child.stdin.write(answer);
      });
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, shown };
    },
  };
}

/** For the shell at the other end. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
