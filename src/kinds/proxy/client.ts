// The proxy client's configuration: SOCKS and WARP's packets in, one connection to the VPS out, and nothing else.

import {
  type Facts,
  type Member,
  pinnedCertificate,
  shaperPort,
  type Topology,
  warpInlet,
  warpPort,
} from '../../core/topology.ts';
import { placeholder } from '../../core/secret.ts';
import type { Inside } from '../inside.ts';
import { flowOf, type Made, pem } from './made.ts';

/** There is no direct outbound: what can't go to the VPS goes nowhere. */
export function client(topology: Topology, facts: Facts, member: Member): Made {
  const { inbound, outbound, resolved } = member.xray as NonNullable<Member['xray']>;
  if (outbound.protocol === 'freedom' || resolved === null) throw new TypeError(`${member.name}: no server`);
  const certificate = outbound.certificate_file ?? pinnedCertificate;
  const file = facts.files[`${member.name}:${certificate}`];
  const inner = topology.members.find((candidate) => candidate.warp !== null && candidate.next === member.id)?.warp;
  const bare = inner && { listen: member.address.ip, port: warpPort, to: inner.resolved };
  const taken = bare && member.shaper !== null ? shaped : bare;
  const config = {
    log: { access: 'none', loglevel: 'warning' },
    inbounds: [
      {
        tag: 'socks',
        listen: member.address.ip,
        port: inbound.port,
        protocol: 'socks',
        settings: { auth: 'noauth', udp: false },
      },
      ...(taken
        ? [
            {
              tag: 'warp',
              listen: taken.listen,
              port: taken.port,
              protocol: 'dokodemo-door',
              settings: { address: taken.to.ip, port: taken.to.port, network: 'udp' },
            },
          ]
        : []),
    ],
    outbounds: [
      {
        tag: 'vps',
        protocol: outbound.protocol,
        settings: {
          vnext: [
            {
              address: resolved.ip,
              port: resolved.port,
              users: [user(outbound)],
            },
          ],
        },
        streamSettings: stream(outbound, trust(facts, certificate, file)),
      },
    ],
  };
  const files: Inside['files'] = file === undefined ? {} : { [certificate]: { mode: 0o644, text: pem(file) } };
  return { config, files };
}

/** The shaper's frames instead of WARP's packets, to the shaper at the other end. */
const shaped = { listen: '127.0.0.1', port: warpInlet, to: { ip: '127.0.0.1', port: shaperPort } };

type Outbound = Exclude<NonNullable<Member['xray']>['outbound'], { readonly protocol: 'freedom' }>;

function user(outbound: Outbound): Record<string, unknown> {
  const id = placeholder(outbound.id);
  if (outbound.protocol === 'vmess') return { id, alterId: 0, security: outbound.security };
  return { id, encryption: 'none', ...flowOf(outbound) };
}

/** Its handshake is a browser's where the program can do that: Xray alone knows fingerprints, and wants one for REALITY. */
function stream(outbound: Outbound, trusted: Record<string, unknown>): Record<string, unknown> {
  const serverName = outbound.server_name ?? outbound.server;
  if (outbound.protocol === 'vmess' || outbound.reality === undefined)
    return { network: 'tcp', security: 'tls', tlsSettings: { serverName, ...trusted } };
  const { public_key: publicKey, short_id: shortId } = outbound.reality;
  const realitySettings = { serverName, fingerprint: 'chrome', publicKey, shortId: placeholder(shortId) };
  return { network: 'tcp', security: 'reality', realitySettings };
}

/** A certificate that is there is the only one accepted; without one the system's authorities decide. */
function trust(facts: Facts, path: string, file: Facts['files'][string] | undefined): Record<string, unknown> {
  if (file === undefined) return {};
  if (facts.proxy.program === 'xray') return { pinnedPeerCertSha256: file.certificate ?? '' };
  return { disableSystemRoot: true, certificates: [{ usage: 'verify', certificateFile: path }] };
}
