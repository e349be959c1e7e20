// The certificates and keys that the proxies need.

import { type Member, pinnedCertificate, type Topology } from '../../core/topology.ts';
import type { Content } from '../kind.ts';

export function contents({ members }: Topology): readonly Content[] {
  return members.flatMap((member) => [...own(member), ...pinned(member)]);
}

function own({ name, xray }: Member): readonly Content[] {
  if (xray === null || xray.inbound.protocol === 'socks') return [];
  const { streamSettings } = xray.inbound;
  if (streamSettings.security === 'reality') {
    const path = streamSettings.realitySettings.privateKeyFile;
    const make = 'Put the private key there that xray x25519 prints; the clients get the public one.';
    return [{ container: name, path, sort: 'REALITY key', required: true, hint: make }];
  }
  const hint = 'Put yours there (PEM), or let op-dbus init --generate make a self-signed pair.';
  return streamSettings.tlsSettings.certificates.flatMap(({ certificateFile, keyFile }): Content[] => [
    { container: name, path: certificateFile, sort: 'certificate', required: true, hint },
    { container: name, path: keyFile, sort: 'private key', required: true, certificate: certificateFile, hint },
  ]);
}

/** A server that is reached by address has no name by which an authority could vouch for it. */
function pinned({ name, xray }: Member): readonly Content[] {
  if (xray === null || xray.outbound.protocol === 'freedom') return [];
  if (xray.outbound.protocol === 'vless' && xray.outbound.reality !== undefined) return [];
  const { certificate_file, server_name, server } = xray.outbound;
  const named = server_name !== undefined || server !== xray.resolved?.ip;
  return [
    {
      container: name,
      path: certificate_file ?? pinnedCertificate,
      sort: 'certificate',
      required: certificate_file !== undefined || !named,
      host: server_name ?? server,
      hint: "Nothing else can prove that the server is yours: put the VPS's certificate (PEM) there, or give server_name, a name with a certificate that everybody trusts.",
    },
  ];
}
