// A finding: one line of what the machine can do, how well, what was seen, and the command that mends it.

import type { Answer, Facts } from './fact.ts';

/** `less`: works, with less or not yet; `no`: doesn't; `unknown`: could not be asked, which is no failure. */
export type Level = 'works' | 'less' | 'no' | 'unknown';

export type Verdict = {
  readonly level: Level;
  readonly found: string;
  /** A command, perhaps with where to run it; null when all is well. */
  readonly fix: string | null;
  /** Whether it is there and wrong: that counts whether or not a state file needs it. */
  readonly broken: boolean;
};

/** What a state file may need of a machine. */
export type Need =
  | 'switch'
  | 'meters'
  | 'containers'
  | 'veth'
  | 'filter'
  | 'tunnels'
  | 'padding'
  | 'shaping'
  | 'bus'
  | 'systemd';

/** A line of the table; `need` is what the machine can't give without it, `containers` how many the state file has. */
export type Line = {
  readonly name: string;
  readonly need?: Need;
  readonly judge: (facts: Facts, containers: number) => Verdict;
};

export type Finding = Verdict & {
  readonly group: string;
  readonly name: string;
  /** Whether the state file can't do without it. */
  readonly needed: boolean;
};

export function works(found: string): Verdict {
  return { level: 'works', found, fix: null, broken: false };
}

export function less(found: string, fix: string): Verdict {
  return { level: 'less', found, fix, broken: false };
}

export function no(found: string, fix: string): Verdict {
  return { level: 'no', found, fix, broken: false };
}

export function broken(found: string, fix: string): Verdict {
  return { level: 'no', found, fix, broken: true };
}

export function unknown(why: string, fix: string): Verdict {
  return { level: 'unknown', found: why, fix, broken: false };
}

type Values<A> = { readonly [K in keyof A]: A[K] extends Answer<infer T> ? T : never };

/** Judges the answers, if all are there; else says why one isn't. */
export function known<const A extends readonly Answer<unknown>[]>(
  answers: A,
  judge: (...values: Values<A>) => Verdict,
): Verdict {
  const silent = answers.find((answer) => 'unknown' in answer);
  if (silent === undefined) return judge(...(answers.map(valueOf) as unknown as Values<A>));
  return unknown(silent.unknown, 'sudo op-dbus doctor');
}

/** The answer, undefined when there is none. */
export function valueOf<T>(answer: Answer<T>): T | undefined {
  return 'value' in answer ? answer.value : undefined;
}

/** Whether it was asked, and nothing came. */
export function late(answer: Answer<unknown>): boolean {
  return 'unknown' in answer && answer.because === 'late';
}

/** A command for the machine that has the kernel: in a container, that is the one around it. */
export function forKernel({ container }: Facts, command: string): string {
  return valueOf(container) ? `on the host of this ${valueOf(container)} container: ${command}` : command;
}

/** A program that isn't installed. */
export function install(...packages: readonly string[]): string {
  return `apt-get install ${[...new Set(packages)].join(' ')}`;
}
