// Sends without end from a lab host and keeps what is answered; the program is server/probe.ts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { inside } from '../host.ts';
import { source } from '../../drivers/source.ts';
import type { Answer } from '../server/probe.ts';
import { TARGET, type HostName } from '../topology.ts';

export type Prober = { answersSince(time: number): readonly Answer[]; stop(): Promise<void> };

/** Starts it and waits until it sends; every packet of it holds `word`, where it holds anything. */
export async function startProber(host: HostName, word: string): Promise<Prober> {
  const script = source('src/lab/server/probe.ts');
  const argv = [process.execPath, script, TARGET.ip, TARGET.ip6, String(TARGET.echo), '1.1.1.1', word];
  const [program, ...args] = await inside(host, argv);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const exit = once(child, 'exit');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  for (let waited = 0; !text.includes('{}'); waited += 10) {
    if (waited > 10_000 || child.exitCode !== null) throw new OpError('host', `the prober in ${host} does not start`);
    await sleep(10);
  }
  return {
    answersSince: (time) =>
      text
        .split('\n')
        .slice(1, -1)
        .map(readAnswer)
        .filter((answer) => answer.time >= time),
    stop: async () => {
      child.stdin.end();
      await exit;
    },
  };
}

function readAnswer(line: string): Answer {
  const answer: Answer = JSON.parse(line);
  return answer;
}
