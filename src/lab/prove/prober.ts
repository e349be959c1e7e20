// Sends without end from a lab host and keeps what is answered; the program is server/probe.ts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../../error.ts';
import { inside } from '../host.ts';
import { source } from '../../drivers/source.ts';
import type { Answer, Sent } from '../server/probe.ts';
import { TARGET, type HostName } from '../topology.ts';

export type Prober = {
  answersSince(time: number): readonly Answer[];
  /** How many probes were sent since `time`, pings not counted. */
  sentSince(time: number): number;
  stop(): Promise<void>;
};

/** Starts it and waits until it sends; every packet of it holds `word`, a ping its first 16 letters. `by`: source and device. */
export async function startProber(host: HostName, word: string, by: readonly string[] = []): Promise<Prober> {
  const script = source('src/lab/server/probe.ts');
  const argv = [process.execPath, script, TARGET.ip, TARGET.ip6, String(TARGET.echo), '1.1.1.1', word, ...by];
  const [program, ...args] = await inside(host, argv);
  // A terminal's Ctrl-C is not for it: it ends with its standard input.
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const exit = once(child, 'exit');
  const [answers, sent]: [Answer[], number[]] = [[], []];
  let [left, ready] = ['', false];
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    const lines = `${left}${part}`.split('\n');
    left = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '{}') ready = true;
      else take(JSON.parse(line));
    }
  });
  const take = (line: Answer | Sent): void => {
    if ('sent' in line) sent.push(line.time);
    else answers.push(line);
  };
  for (let waited = 0; !ready; waited += 10) {
    if (waited > 10_000 || child.exitCode !== null) throw new OpError('host', `the prober in ${host} does not start`);
    await sleep(10);
  }
  return {
    answersSince: (time) => since(answers, time, (answer) => answer.time),
    sentSince: (time) => since(sent, time, (at) => at).length,
    stop: async () => {
      child.stdin.end();
      await exit;
    },
  };
}

/** The newest ones: looked for from the end, since the list grows without end and is asked often. */
function since<T>(list: readonly T[], time: number, when: (one: T) => number): readonly T[] {
  return list.slice(list.findLastIndex((one) => when(one) < time) + 1);
}
