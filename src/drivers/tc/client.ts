// Filters and offloads by iproute2 (tc-bpf(8), ip-link(8), JSON output).

import { basename } from 'node:path';
import * as z from 'zod';
import { OpError } from '../../error.ts';
import { type Exec, run } from '../exec.ts';
import { listen } from '../listen.ts';
import { source } from '../source.ts';
import type { Leaving, Tc } from './contract.ts';
import { flowids, ipLine, tcLines } from './text.ts';

const linkShow = z.array(z.object({ gso_max_segs: z.int() })).length(1);
const filterShow = z.array(
  z.object({
    pref: z.int(),
    options: z.object({ flowid: z.string(), bpf_name: z.string(), 'direct-action': z.boolean() }).partial().optional(),
  }),
);

/** The program that pads, compiled by native/build.sh. */
export function padProgram(): string {
  return source('dist', 'pad.o');
}

/** `prefix` is put in front of each call, as for nftables. */
export function trafficControl(exec: Exec, prefix: readonly string[] = [], program: string = padProgram()): Tc {
  const argv = (...rest: readonly string[]): readonly [string, ...string[]] =>
    [...prefix, ...rest] as unknown as readonly [string, ...string[]];
  const leaving = async (device: string): Promise<Leaving | null> => {
    const { code, stdout, stderr } = await exec(argv('ip', '-j', '-d', 'link', 'show', 'dev', device));
    if (/does not exist/.test(stderr)) return null;
    if (code !== 0) throw new OpError('host', `ip link show dev ${device}: ${stderr.trim()}`);
    const [link] = parsed(linkShow, stdout);
    const filters = await run(exec, argv('tc', '-j', 'filter', 'show', 'dev', device, 'egress'));
    return { sizes: sizesOf(filters, basename(program)), single: link?.gso_max_segs === 1 };
  };
  return {
    leaving,
    leave: async (device, wanted) => {
      await run(exec, argv('ip', ...ipLine(device, wanted).split(' ')));
      if (wanted.sizes.length === 0 && (await leaving(device))?.sizes.length === 0) return;
      const batch = tcLines(device, wanted, program).join('\n');
      await run(exec, argv('tc', '-batch', '-'), { stdin: `${batch}\n` });
    },
    watch: (changed) => listen({ argv: argv('tc', 'monitor'), protocol: 0, groups, tells: () => true }, changed),
  };
}

/** NETLINK_ROUTE; RTNLGRP_TC. */
const groups = 1 << 3;

/** Of our filters, when they are all that is there and in their order; else none. */
function sizesOf(json: string, program: string): readonly number[] {
  const found = parsed(filterShow, json).flatMap(({ pref, options }) => (options ? [{ pref, ...options }] : []));
  const sizes = found.slice(0, -1).map(({ flowid = '' }) => Number.parseInt(flowid.replace('1:', ''), 16));
  const wanted = flowids(sizes);
  const ours = found.every(
    (one, index) =>
      one.pref === index + 1 &&
      one['direct-action'] === true &&
      one.bpf_name === `${program}:[tc]` &&
      one.flowid === wanted[index],
  );
  return ours ? sizes : [];
}

function parsed<T>(schema: z.ZodType<T>, json: string): T {
  try {
    return schema.parse(JSON.parse(json));
  } catch (error) {
    throw new OpError('host', 'tc or ip: its JSON output is not as expected', { cause: error });
  }
}
