// Whether anything but our flows steers a bridge that has a chain.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { parseFlow, printFlow } from '../../drivers/openflow/text.ts';
import type { Check } from '../kind.ts';
import { ours } from './observe.ts';
import type { Spec } from './schema.ts';

/** Other people's flows are left alone, but on a chain each could be a way past it. */
export async function check(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Check[]> {
  const chains = wanted.filter(({ spec }) => !spec.flows.some((line) => parseFlow(line).actions === 'NORMAL'));
  return Promise.all(
    chains.map(async ({ name }) => {
      const foreign = (await host.openflow.flows(name)).filter((flow) => !ours(flow));
      const [first] = foreign;
      return {
        name: `${name}: no flow but op-dbus's`,
        ok: first === undefined,
        detail: first === undefined ? 'none' : `${foreign.length} foreign: ${printFlow(first)}`,
        command: `ovs-ofctl dump-flows ${name} | grep -vE "cookie=0x(dead|cafe|beef)"`,
      };
    }),
  );
}
