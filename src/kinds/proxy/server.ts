// The proxy server's configuration: VMess over TLS in, the Internet out, private networks never.

import { reserved, showAddress } from '../../core/address.ts';
import { type Facts, type Member, shaperPort } from '../../core/topology.ts';
import { placeholder } from '../../core/secret.ts';
import { type Made, pem } from './made.ts';

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
  if (inbound.protocol !== 'vmess') throw new TypeError(`${member.name}: no VMess inbound`);
  const { certificates } = inbound.streamSettings.tlsSettings;
  const config = {
    log: { access: 'none', loglevel: 'warning' },
    inbounds: [
      {
        tag: 'clients',
        listen: member.address.ip,
        port: inbound.port,
        protocol: 'vmess',
        settings: { clients: inbound.settings.clients.map(({ id }) => ({ id: placeholder(id), alterId: 0 })) },
        streamSettings: {
          network: 'tcp',
          security: 'tls',
          tlsSettings: {
            certificates: certificates.map(({ certificateFile, keyFile }) => ({ certificateFile, keyFile })),
          },
        },
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
  const paths = certificates.flatMap(({ certificateFile, keyFile }) => [
    [certificateFile, 0o644] as const,
    [keyFile, 0o600] as const,
  ]);
  const files = paths.flatMap(([path, mode]) => {
    const file = facts.files[`${member.name}:${path}`];
    return file === undefined ? [] : [[path, { mode, text: pem(file) }] as const];
  });
  return { config, files: Object.fromEntries(files) };
}
