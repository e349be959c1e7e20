// Asks through WARP's tunnel, from inside its container, what address the Internet sees: the specification's own curl.

import type { Resource } from '../../core/resource.ts';
import type { ExecResult } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Exit } from '../kind.ts';
import { trace, tracePage } from '../trace.ts';
import { ask } from '../ask.ts';
import { deviceOf } from './device.ts';

/** curl(1): the certificate's authority is not known. */
const UNKNOWN_AUTHORITY = 60;

type Answer = ReturnType<typeof trace> & {
  readonly argv: readonly string[];
  /** Whether the container knows the authority of the page's certificate. */
  readonly known: boolean;
  /** Why there is no answer, when there is none. */
  readonly why: string;
};

/** `seconds` for the whole request. */
export async function asked(host: Host, spec: Inside, seconds: number): Promise<Answer> {
  const start = performance.now();
  const curl = (left: number, ...more: readonly string[]) => {
    const within = ['--max-time', `${Math.ceil(left)}`, '--interface', deviceOf(spec.unit)] as const;
    return ['curl', '-sS', ...within, tracePage, ...more] as const;
  };
  const run = (argv: readonly [string, ...string[]], left: number): Promise<ExecResult> =>
    ask(host, spec.container, argv, { deadline: (left + 1) * 1000 });
  const argv = curl(seconds);
  const strict = await run(argv, seconds);
  // A template knows no private authority. The tunnel's own key says who is at its end, so the answer still counts.
  const known = strict.code !== UNKNOWN_AUTHORITY;
  const left = Math.max(1, seconds - (performance.now() - start) / 1000);
  const { stdout, stderr } = known ? strict : await run(curl(left, '--insecure'), left);
  return { ...trace(stdout), argv, known, why: stderr.trim() || 'no answer' };
}

/** By the tunnel that dials: the gateway's clients are at the other end. */
export async function exit(host: Host, wanted: readonly Resource<Inside>[], seconds: number): Promise<Exit | null> {
  const warp = wanted.find(({ spec }) => spec.reload === null);
  if (warp === undefined) return null;
  const { ip, why } = await asked(host, warp.spec, seconds);
  return ip === null ? { address: null, why: why.split('\n')[0] ?? '' } : { address: ip, why: null };
}
