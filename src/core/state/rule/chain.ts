// Users' flows on a bridge with a chain: each drops, or sends one container's IPv4 to one next hop, as a policy does.

import { type BridgeDraft, entries, type FlowDraft, type PolicyDraft } from '../draft.ts';
import type { Link } from '../link.ts';
import { type Fields, layers } from '../match.ts';
import type { Finding, Path } from '../problem.ts';
import type { Rule, View } from './rule.ts';

export const chains: Rule = (view) =>
  entries<BridgeDraft>(view.draft.openflow?.bridges).flatMap(([index, bridge]) => {
    if (bridge.name === undefined || !isChain(view, bridge.name)) return [];
    return entries<FlowDraft>(bridge.flows).flatMap(([position, flow]) =>
      fits(view, flow, ['openflow', 'bridges', index, 'flows', position]),
    );
  });

/** The same as `chain` of the topology: a container with a role, or a policy that leads to another container. */
export function isChain({ draft, links }: View, bridge: string): boolean {
  const own = links.filter((link) => link.bridge === bridge);
  const steered = entries<PolicyDraft>(draft.openflow?.flow_policies).some(([, { template }]) => {
    const action = template?.actions?.[0];
    return action?.type === 'output' && own.some(({ row, device }) => action.port === row || action.port === device);
  });
  return (
    steered ||
    own.some(({ container: { config = {} } }) => {
      const { xray, ...tunnels } = config;
      return (
        Object.keys(tunnels).length > 0 || xray?.inbound?.protocol === 'vmess' || xray?.outbound?.protocol === 'vmess'
      );
    })
  );
}

function fits(
  { links, portsKnown }: View,
  { match_fields: match = {}, actions }: FlowDraft,
  path: Path,
): readonly Finding[] {
  if (actions === undefined || actions.every((action) => action === undefined || action.type === 'drop')) return [];
  const findings: Finding[] = [];
  if (actions.length > 1)
    findings.push({
      path: [...path, 'actions'],
      message: 'a chain knows one next hop for each packet: expected one action',
    });
  if (!ipv4(match))
    findings.push({ path: [...path, 'match_fields'], message: 'only IPv4 passes a bridge with a chain' });
  if (!portsKnown || (Object.hasOwn(match, 'in_port') && match['in_port'] === undefined)) return findings;
  const from = links.find(
    (link: Link) => match['in_port'] !== undefined && [link.row, link.device].includes(String(match['in_port'])),
  );
  if (from === undefined)
    findings.push({
      path: [...path, 'match_fields'],
      message:
        'on a bridge with a chain a flow that sends on says whose packets: expected in_port, like "internal_100"',
    });
  return findings;
}

function ipv4(match: Fields): boolean {
  const type = match['dl_type'] ?? match['eth_type'];
  return (type === undefined || Number(type) === 0x0800) && !layers(match).some((layer) => /^(arp|ipv6)$/.test(layer));
}
