// A packet's way through one bridge, as the switch's own tracer tells it (ovs-vswitchd(8), ofproto/trace with --names).

import { OpError } from '../../error.ts';

/** A flow that took the packet. */
export type Step = {
  readonly table: number;
  /** As the switch prints it; '' for a flow that matches everything. */
  readonly match: string;
  readonly priority: number;
  /** `0x0` when the flow has none. */
  readonly cookie: string;
  readonly actions: readonly string[];
};

export type Walk = {
  /** In the order in which the packet meets them, before and after conntrack. */
  readonly steps: readonly Step[];
  /** The table in which no flow took it, null when each did. */
  readonly missed: number | null;
  /** The ports that it leaves by: devices, the bridge's own by the bridge's name. None: dropped. */
  readonly out: readonly string[];
};

/** @throws OpError `protocol` for a text that is no trace. */
export function readTrace(text: string): Walk {
  const steps: Step[] = [];
  const out: string[] = [];
  let missed: number | null = null;
  let known = false;
  for (const line of text.split('\n')) {
    const taken = /^ *(\d+)\. (?:(.*), )?priority (\d+)(?:, cookie (0x[0-9a-f]+))?$/.exec(line);
    const none = /^ *(\d+)\. No match\.$/.exec(line);
    const datapath = /^Datapath actions: (.*)$/.exec(line);
    if (taken !== null) {
      const [, table, match = '', priority, cookie = '0x0'] = taken;
      steps.push({
        table: Number(table),
        match: match.replaceAll('"', ''),
        priority: Number(priority),
        cookie,
        actions: [],
      });
    } else if (none !== null) missed = Number(none[1]);
    else if (datapath !== null) {
      known = true;
      out.push(...ports(datapath[1] ?? ''));
    } else if (!known && /^ {4}\S/.test(line)) act(steps, line.trim());
    if (/^=+$/.test(line)) known = false;
  }
  if (!/^Datapath actions: /m.test(text)) throw new OpError('protocol', `not a trace: ${text.split('\n')[0]}`);
  return { steps, missed, out };
}

/**
 * What the tracer remarks upon begins with an arrow, and is no action; nor is `thaw` (it goes on after conntrack), nor
 * the `drop` by which the part before conntrack ends, nor what conntrack is told to do, which stands in its action.
 */
function act(steps: Step[], said: string): void {
  const action = said.replaceAll('"', '');
  const last = steps.at(-1);
  if (last === undefined || /^(->|>>|thaw$)/.test(action)) return;
  const before = last.actions.at(-1) ?? '';
  if (before.startsWith('ct(') && (action === 'drop' || before.includes(`exec(${action})`))) return;
  steps[steps.length - 1] = { ...last, actions: [...last.actions, action] };
}

/** The ports among a datapath's actions: with --names they are in quotes or bare, and everything else has parentheses. */
function ports(actions: string): readonly string[] {
  const plain = actions.replace(/[\w-]+\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)/g, '');
  return plain
    .split(',')
    .map((word) => word.trim().replaceAll('"', ''))
    .filter((word) => word !== '' && !/^(drop|ct_clear|pop_vlan|pop_eth|meter)$/.test(word));
}
