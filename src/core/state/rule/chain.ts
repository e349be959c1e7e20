// Users' flows on a bridge with a chain: each drops, sends one container's IPv4 to one next hop, or goes on in a later table.

import { onChain } from '../action.ts';
import { type ActionDraft, entries, type PolicyDraft } from '../draft.ts';
import { bridgeNames } from '../link.ts';
import { type Fields, layers } from '../match.ts';
import { type Placed, steers } from '../placed.ts';
import type { Finding } from '../problem.ts';
import { placed, type Rule, unique, type View } from './rule.ts';

export const chains: Rule = (view) => {
  const bridges = chainBridges(view);
  return unique(
    placed(view)
      .filter((one) => !one.steers && bridges.has(one.bridge))
      .flatMap((one) => chainFindings(view, one)),
  );
};

/** The names of the bridges with a chain. */
export function chainBridges(view: View): ReadonlySet<string | null> {
  return new Set((bridgeNames(view.draft) ?? []).filter((name) => name !== null && isChain(view, name)));
}

/**
 * The same as `chain` of the topology: a container with a role or one that says its network_type, or a policy that leads
 * to another container. On all of them containers talk by policy only.
 */
export function isChain({ draft, links }: Pick<View, 'draft' | 'links'>, bridge: string): boolean {
  const own = links.filter((link) => link.bridge === bridge);
  const steered = entries<PolicyDraft>(draft.openflow?.flow_policies).some(([, { template = {} }]) => {
    const action = template.actions?.[0];
    if (!steers(template) || action?.type !== 'output') return false;
    return own.some(({ row, device }) => action.port === row || action.port === device);
  });
  return (
    steered ||
    own.some(({ container: { config = {}, properties } }) => {
      const { xray, ...tunnels } = config;
      return (
        properties?.network_type !== undefined ||
        Object.keys(tunnels).length > 0 ||
        [xray?.inbound?.protocol, xray?.outbound?.protocol].some((each) => each === 'vmess' || each === 'vless')
      );
    })
  );
}

/** What a chain can't bear of a flow. */
function chainFindings(view: View, { flow, body, target }: Placed): readonly Finding[] {
  const { match_fields: match = {}, actions } = flow;
  if (actions === undefined || actions.every((action) => action === undefined || action.type === 'drop')) return [];
  const list = entries<ActionDraft>(actions);
  const ways = list.filter(([, { type }]) => type === 'output' || type === 'normal');
  const findings: Finding[] = list.flatMap(([index, action]) =>
    unfit(action, index === actions.length - 1).map(({ at, message }) => ({
      path: [...body, 'actions', index, ...at],
      message,
    })),
  );
  if (ways.length > 1)
    findings.push({
      path: [...body, 'actions'],
      message: 'a chain knows one next hop for each packet: expected one output or normal',
    });
  if (!ipv4(match))
    findings.push({ path: [...body, 'match_fields'], message: 'only IPv4 passes a bridge with a chain' });
  const port = match['in_port'];
  const unsure = !view.portsKnown || (Object.hasOwn(match, 'in_port') && port === undefined);
  if (ways.length === 0 || target !== null || unsure) return findings;
  const from = view.links.find(({ row, device }) => port !== undefined && [row, device].includes(String(port)));
  if (from === undefined)
    findings.push({
      path: [...body, 'match_fields'],
      message:
        'on a bridge with a chain a flow that sends on says whose packets: expected in_port, like "internal_100"',
    });
  return findings;
}

function unfit(
  action: ActionDraft,
  last: boolean,
): readonly { readonly at: readonly string[]; readonly message: string }[] {
  if (action.type === 'ct')
    return [{ at: [], message: "a chain's replies are bound by its own conntrack: expected no ct" }];
  if (action.type === 'controller' && last)
    return [{ at: [], message: 'packets end here: expected output, normal or resubmit after controller' }];
  if (action.type !== 'set_field' || action.field === undefined || onChain(action.field)) return [];
  const message = 'a chain knows a packet by its addresses: expected nw_tos, nw_ecn, nw_ttl, a port or a register';
  return [{ at: ['field'], message }];
}

function ipv4(match: Fields): boolean {
  const type = match['dl_type'] ?? match['eth_type'];
  return (type === undefined || Number(type) === 0x0800) && !layers(match).some((layer) => /^(arp|ipv6)$/.test(layer));
}
