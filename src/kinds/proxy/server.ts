// The proxy server's configuration: clients by VMess or VLESS in, the Internet out, private networks never.

import { reserved, showAddress } from '../../core/address.ts';
import { type Facts, type Member, shaperPort, webPort } from '../../core/topology.ts';
import { placeholder, standIn } from '../../core/secret.ts';
import { flowOf, type Made, pem } from './made.ts';

type Inbound = Exclude<NonNullable<Member['xray']>['inbound'], { readonly protocol: 'socks' }>;

/** Of this machine's own addresses clients reach one port. Current Xray wants private ones allowed by `finalRules`. */
const frames = { type: 'field', network: 'udp', ip: ['127.0.0.1'], port: String(shaperPort), outboundTag: 'shaper' };
const shaper = {
  tag: 'shaper',
  protocol: 'freedom',
  settings: {
    finalRules: [{ action: 'allow', network: 'udp', port: String(shaperPort), ip: ['127.0.0.1'] }, { action: 'block' }],
  },
};

export function server(facts: Facts, member: Member): Made {
  const { inbound } = member.xray as NonNullable<Member['xray']>;
  if (inbound.protocol === 'socks') throw new TypeError(`${member.name}: no inbound for clients`);
  const config = {
    log: { access: 'none', loglevel: 'warning' },
    inbounds: [
      {
        tag: 'clients',
        listen: member.address.ip,
        port: inbound.port,
        protocol: inbound.protocol,
        settings: settings(inbound),
        streamSettings: stream(facts, member, inbound),
      },
    ],
    outbounds: [
      { tag: 'internet', protocol: 'freedom', settings: { domainStrategy: 'UseIPv4' } },
      { tag: 'nowhere', protocol: 'blackhole' },
      ...(member.shaper === null ? [] : [shaper]),
    ],
    routing: {
      domainStrategy: 'IPOnDemand',
      rules: [
        ...(member.shaper === null ? [] : [frames]),
        { type: 'field', ip: reserved.map(showAddress), outboundTag: 'nowhere' },
      ],
    },
  };
  return { config, files: files(facts, member, inbound) };
}

function settings(inbound: Inbound): Record<string, unknown> {
  if (inbound.protocol === 'vmess')
    return { clients: inbound.settings.clients.map(({ id }) => ({ id: placeholder(id), alterId: 0 })) };
  const clients = inbound.settings.clients.map(({ id, flow }) => ({ id: placeholder(id), ...flowOf({ flow }) }));
  // REALITY has passed a stranger on to its target before VLESS sees him.
  if (inbound.streamSettings.security === 'reality') return { clients, decryption: 'none' };
  const dest = inbound.settings.fallback ?? `127.0.0.1:${webPort}`;
  return { clients, decryption: 'none', fallbacks: [{ dest }] };
}

function stream(facts: Facts, member: Member, { protocol, streamSettings }: Inbound): Record<string, unknown> {
  if (streamSettings.security === 'reality') {
    const { target, serverNames, privateKeyFile, shortIds } = streamSettings.realitySettings;
    const key = facts.files[`${member.name}:${privateKeyFile}`]?.fingerprint ?? '';
    const secret = { privateKey: standIn(key), shortIds: shortIds.map(placeholder) };
    return { network: 'tcp', security: 'reality', realitySettings: { target, serverNames, ...secret } };
  }
  const certificates = streamSettings.tlsSettings.certificates.map(({ certificateFile, keyFile }) => ({
    certificateFile,
    keyFile,
  }));
  // The fallback speaks HTTP/1.1: nothing else must be agreed upon.
  const alpn = protocol === 'vless' ? { alpn: ['http/1.1'] } : {};
  return { network: 'tcp', security: 'tls', tlsSettings: { ...alpn, certificates } };
}

/** The certificates and their keys; REALITY's key stands in the configuration. */
function files(facts: Facts, member: Member, { streamSettings }: Inbound): Made['files'] {
  if (streamSettings.security === 'reality') return {};
  const paths = streamSettings.tlsSettings.certificates.flatMap(({ certificateFile, keyFile }) => [
    [certificateFile, 0o644] as const,
    [keyFile, 0o600] as const,
  ]);
  const found = paths.flatMap(([path, mode]) => {
    const file = facts.files[`${member.name}:${path}`];
    return file === undefined ? [] : [[path, { mode, text: pem(file) }] as const];
  });
  return Object.fromEntries(found);
}
