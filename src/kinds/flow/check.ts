// Whether anything but our flows steers a bridge that has a chain.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { parseFlow, printFlow, strict } from '../../drivers/openflow/text.ts';
import type { Check } from '../kind.ts';
import { ours } from './observe.ts';
import type { Spec } from './schema.ts';

/** Other people's flows are left alone, but on a chain each could be a way past it. */
export async function check(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Check[]> {
  const chains = wanted.filter(({ spec }) => !spec.flows.some((line) => parseFlow(line).actions === 'NORMAL'));
  return Promise.all(
    chains.map(async ({ name }) => ({
      name: `${name}: no flow but op-dbus's`,
      ...(await foreign(host, name)),
      command: `ovs-ofctl -O OpenFlow14 dump-flows ${name} | grep -vE "cookie=0x(dead|cafe|beef)"`,
    })),
  );
}

async function foreign(host: Host, bridge: string): Promise<Pick<Check, 'ok' | 'detail'>> {
  try {
    const flows = (await host.openflow.flows(bridge)).filter((flow) => !ours(flow));
    const [first] = flows;
    if (first === undefined) return { ok: true, detail: 'none' };
    const removal = `ovs-ofctl -O OpenFlow14 --strict del-flows ${bridge} "${strict(first)}"`;
    return { ok: false, detail: `${flows.length} foreign: ${printFlow(first)}\nremove it: ${removal}` };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
