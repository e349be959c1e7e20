// What a shaper tells of itself: the file that it writes once a second and whenever it changes its mind.

import * as z from 'zod';
import type { ExecOptions } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import { ask } from '../ask.ts';
import type { Inside } from '../inside.ts';

const schema = z.object({
  /** Seconds since 1970, by the container's clock. */
  at: z.int(),
  state: z.enum(['connecting', 'up', 'refused', 'spent']),
  why: z.string().max(300),
  clients: z.int(),
  /** Bytes of frames in this month, both ways together, and how many there may be; 0: any number. */
  used: z.int(),
  budget: z.int(),
  frames_out: z.int(),
  frames_in: z.int(),
  real_out: z.int(),
  real_in: z.int(),
  dropped: z.int(),
  bad: z.int(),
  refused: z.int(),
});

type Tale = z.output<typeof schema>;

/** What is told, and what is wrong with it in words that follow "waits for"; null: nothing is. */
export type Told = { readonly tale: Tale | null; readonly lacks: string | null };

/** The clock of the same machine comes with it: a process that hangs tells nothing new. */
const argv = ['sh', '-c', 'date +%s && cat /run/op-dbus-shaper/status'] as const;

/** Seconds. */
const STALE = 5;

export async function told(host: Host, spec: Inside, options: ExecOptions = {}): Promise<Told> {
  const { code, stdout, stderr } = await ask(host, spec.container, [...argv], options);
  const [now = '', text = ''] = stdout.split('\n');
  const tale = code === 0 ? parsed(text) : null;
  if (tale === null) return { tale, lacks: `word of the shaper: ${stderr.trim() || 'nothing that can be read'}` };
  if (Number(now) - tale.at > STALE)
    return { tale, lacks: `word of the shaper, which hangs: the last came ${Number(now) - tale.at} s ago` };
  return { tale, lacks: lacking(tale, spec) };
}

function lacking({ state, why, used, budget }: Tale, spec: Inside): string | null {
  if (state === 'up') return null;
  if (state === 'connecting') return `an answer of the VPS's shaper${why === '' ? '' : ` (${why})`}`;
  if (state === 'spent') return `the next month: ${used} of ${budget} bytes are used up (monthly_bytes)`;
  return `the same shaping at both ends: ${why}; here ${parameters(spec)}`;
}

/** As the program spells them. */
function parameters(spec: Inside): string {
  const text = Object.values(spec.files).find(({ text: one }) => one.includes('\nrole '))?.text ?? '';
  const one = (key: string): string => `${key}=${new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1] ?? '?'}`;
  return ['mode', 'frame', 'up', 'down', 'quantum'].map(one).join(' ');
}

function parsed(text: string): Tale | null {
  try {
    const found = schema.safeParse(JSON.parse(text));
    return found.success ? found.data : null;
  } catch {
    return null;
  }
}
