// A switch's flow tables through ovs-ofctl and its conntrack through ovs-appctl (ovs-ofctl(8), ovs-vswitchd(8)).

import { OpError } from '../../error.ts';
import type { Exec, ExecResult } from '../exec.ts';
import type { Flow, OpenFlow } from './contract.ts';
import { parseFlows, printBundle, unfounded } from './text.ts';

/** `runDir` is the folder of the switch's sockets, where it isn't Open vSwitch's usual one. */
export function ovsOfctl(exec: Exec, runDir?: string): OpenFlow {
  const env = runDir === undefined ? {} : { OVS_RUNDIR: runDir };
  const ofctl = (options: readonly string[], stdin = ''): Promise<ExecResult> =>
    exec(['ovs-ofctl', '-O', 'OpenFlow14', '--names', ...options], { env, stdin });
  return {
    flows: async (bridge) => {
      const result = await ofctl(['--no-stats', 'dump-flows', bridge]);
      if (result.code !== 0) throw refusal(bridge, [], result);
      return parseFlows(result.stdout);
    },
    bundle: async (bridge, add, remove) => {
      if (add.length + remove.length === 0) return;
      refuseWidening(bridge, add);
      const lines = printBundle(add, remove);
      const result = await ofctl(['--bundle', 'add-flows', bridge, '-'], `${lines.join('\n')}\n`);
      if (result.code !== 0) throw refusal(bridge, lines, result);
    },
    flushZone: async (zone) => {
      const result = await exec(['ovs-appctl', 'dpctl/flush-conntrack', `zone=${zone}`], { env });
      if (result.code === 0 || /no datapaths exist|datapath not found/.test(result.stderr)) return;
      throw new OpError('host', `flushing conntrack zone ${zone}: ${message(result)}`, { hint: START });
    },
  };
}

/** @throws OpError `protocol` when a field lacks its prerequisite. */
export function refuseWidening(bridge: string, add: readonly Flow[]): void {
  for (const { match } of add) {
    const field = unfounded(match);
    if (field !== null)
      throw new OpError('protocol', `${bridge}: ${field} without its prerequisite would match everything: ${match}`);
  }
}

const START = 'Is Open vSwitch running? systemctl start openvswitch-switch';

/** ovs-ofctl names a line of the file (`-:3: …`) when it can't read it, and the message when the switch refuses it. */
function refusal(bridge: string, lines: readonly string[], result: ExecResult): OpError {
  const { stderr } = result;
  const unread = /^ovs-ofctl: -:(\d+): (.*)$/m.exec(stderr);
  if (unread !== null)
    return new OpError('protocol', `${bridge}: ${unread[2]}: ${lines[Number(unread[1]) - 1] ?? 'no such line'}`);
  const refused = /^Error (\S+) for: OFPT_FLOW_MOD [^:]*: (.*)$/m.exec(stderr);
  if (refused !== null) return new OpError('protocol', `${bridge}: ${refused[1]}: ${refused[2]}`);
  if (/^Error OFP/m.test(stderr)) return new OpError('protocol', `${bridge}: ${message(result)}`);
  return new OpError('host', `${bridge}: ${message(result)}`, { hint: START });
}

function message({ code, stderr }: ExecResult): string {
  return (
    stderr
      .trim()
      .split('\n')[0]
      ?.replace(/^ovs-\w+: /, '') || `exit ${code}`
  );
}
