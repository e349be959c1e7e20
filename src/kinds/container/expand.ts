// A container for each member.

import type { Expand, Facts, Member, Role } from '../../core/topology.ts';
import type { Spec } from './schema.ts';

export const expand: Expand<Spec> = (topology, facts) =>
  topology.members.map((member) => {
    const stranger = facts.strangers.find(({ id, name }) => id === member.id && name === member.name);
    return {
      kind: 'container',
      name: member.name,
      spec: {
        id: member.id,
        ...made(facts, stranger !== undefined),
        template: member.template,
        autostart: member.autostart,
        bridge: member.bridge,
        mode: member.mode,
        port: member.port,
        mac: member.mac,
        address: `${member.address.ip}/${member.address.prefix}`,
        gateway: member.gateway,
        sysctl: { ...shut, ...sysctl[member.role] },
        nameservers: nameservers(member, facts),
        binds: binds(member, facts),
        order: member.order,
        // One that was adopted is started and stopped by whoever has made it.
        running: stranger?.running ?? true,
        attached: true,
      },
    };
  });

/** The file names id and name of one that is there: whoever has written it knows of it. */
function made({ backend }: Facts, adopted: boolean): Pick<Spec, 'made'> {
  if (adopted) return { made: 'adopted' };
  return backend === 'pct' ? { made: 'pct' } : {};
}

/** IPv6 is shut until it is configured end to end; no router tells a container where to send. */
const shut = {
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.ipv6.conf.default.disable_ipv6': '1',
  'net.ipv4.conf.all.accept_redirects': '0',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.conf.default.send_redirects': '0',
};

/**
 * A router in the chain sees foreign sources, so reverse-path filters are off there (the switch pins addresses).
 * `arp_ignore=1`: an inner address is never answered for on the bridge's side.
 */
const router = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  'net.ipv4.conf.all.arp_ignore': '1',
};

const sysctl: Readonly<Record<Role, Readonly<Record<string, string>>>> = {
  gateway: router,
  warp: router,
  'proxy-client': { ...router, 'net.ipv4.ip_forward': '0' },
  'proxy-server': {},
  plain: {},
};

/** Programs of the host's, the binaries alone: what netclient knows of the host stays there. */
function binds(member: Member, { proxy, netmaker, shaper }: Facts): Readonly<Record<string, string>> {
  return {
    ...(member.xray !== null && proxy.program === 'xray' ? { '/usr/local/bin/xray': proxy.path } : {}),
    ...(member.shaper !== null && shaper !== null ? { '/usr/local/bin/op-dbus-shaper': shaper } : {}),
    ...(member.netmaker && netmaker !== null ? { '/usr/local/bin/netclient': netmaker.client } : {}),
  };
}

/** Names are asked for only where that can't tell on the client: through WARP, or at the VPS. */
function nameservers(member: Member, facts: Facts): readonly string[] {
  if (member.role === 'proxy-server' || member.role === 'plain') return facts.nameservers;
  return member.role === 'warp' ? ['1.1.1.1'] : [];
}
