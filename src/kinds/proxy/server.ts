// The proxy server's configuration: VMess over TLS in, the Internet out, private networks never.

import { reserved, showAddress } from '../../core/address.ts';
import type { Facts, Member } from '../../core/topology.ts';
import { placeholder } from '../../core/secret.ts';
import { type Made, pem } from './made.ts';

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
    ],
    routing: {
      domainStrategy: 'IPOnDemand',
      rules: [{ type: 'field', ip: reserved.map(showAddress), outboundTag: 'nowhere' }],
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
