// WireGuard at the lab's ends: key pairs, devices (kernel, else wireguard-go), the WARP stand-in, the client's tunnel.

import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpError } from '../error.ts';
import { ask, capture, daemonised, writeInside } from './host.ts';
import { WARP, type HostName } from './topology.ts';

export type KeyPair = { readonly privateKey: string; readonly publicKey: string };

/** A Curve25519 pair in WireGuard's base64 (RFC 7748 §6.1). */
export function keyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const encode = (part: string | undefined) => Buffer.from(part ?? '', 'base64url').toString('base64');
  return {
    privateKey: encode(privateKey.export({ format: 'jwk' }).d),
    publicKey: encode(publicKey.export({ format: 'jwk' }).x),
  };
}

/** The WARP stand-in's tunnel: one device is known, and leaves from WARP's exit address. */
export async function startWarp(own: KeyPair, device: string): Promise<void> {
  const config = [
    `[Interface]\nPrivateKey = ${own.privateKey}\nListenPort = ${WARP.port}`,
    `[Peer]\nPublicKey = ${device}\nAllowedIPs = ${WARP.device}/32\n`,
  ].join('\n');
  await makeDevice('warp', 'warp0', config, 1280, [`${WARP.inner}/24`]);
  const table = `table ip lab {
  chain out {
    type nat hook postrouting priority 100;
    ip saddr ${WARP.device} oifname "eth0" snat to ${WARP.exit}
  }
}
`;
  await ask('warp', ['nft', '-f', '-'], { stdin: table });
}

/** The WARP profile as wgcf writes it, for a device whose private key is `own`. */
export function wgcfProfile(own: string, peer: string): string {
  return `[Interface]
PrivateKey = ${own}
Address = ${WARP.device}/32
DNS = 1.1.1.1
MTU = 1280
[Peer]
PublicKey = ${peer}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = engage.cloudflareclient.com:${WARP.port}
`;
}

/**
 * Brings up wg0 in the client from a wg-quick file, by wg-quick(8). Its DNS servers become the client's here, since
 * wg-quick would ask resolvconf(8), which need not be installed.
 */
export async function startClient(config: string): Promise<void> {
  const { rest, servers } = splitDns(config);
  await writeInside('client', '/etc/wireguard/wg0.conf', rest, 0o600);
  await writeInside('client', '/etc/resolv.conf', servers.map((ip) => `nameserver ${ip}\n`).join(''), 0o644);
  await daemonised('client', ['wg-quick', 'up', 'wg0']);
}

/** A wg-quick file without its DNS lines, and the servers that they named. */
export function splitDns(config: string): { readonly rest: string; readonly servers: readonly string[] } {
  const lines = config.split('\n');
  const dns = lines.map((line) => /^\s*DNS\s*=\s*(.*?)\s*$/i.exec(line)?.[1] ?? null);
  return {
    rest: lines.filter((_, index) => dns[index] === null).join('\n'),
    servers: dns.flatMap((value) => value?.split(/\s*,\s*/) ?? []).filter((name) => name !== ''),
  };
}

/** A WireGuard device, the kernel's or wireguard-go's, with the settings of `wg setconf` and addresses with prefix, up. */
export async function makeDevice(
  host: HostName,
  device: string,
  config: string,
  mtu: number,
  addresses: readonly string[],
): Promise<void> {
  const kernel = await capture(host, ['ip', 'link', 'add', device, 'type', 'wireguard']);
  if (kernel.code !== 0) await daemonised(host, ['wireguard-go', device]);
  // wireguard-go returns before its control socket is there.
  for (let tries = 0; (await capture(host, ['wg', 'show', device])).code !== 0; tries += 1) {
    if (tries === 200) throw new OpError('timeout', `${host}: ${device} doesn't answer`);
    await sleep(10);
  }
  // Not /dev/stdin: Node's pipes are sockets, which can't be opened by name.
  const path = `/run/wireguard/${device}.conf`;
  await writeInside(host, path, config, 0o600);
  await ask(host, ['wg', 'setconf', device, path]);
  const lines = [...addresses.map((ip) => `addr add ${ip} dev ${device}`), `link set ${device} mtu ${mtu} up`];
  await ask(host, ['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
}
