// The control: an ordinary WireGuard tunnel from home straight to WARP, without the chain.

import { ask } from '../../src/lab/host.ts';
import { TARGET, WARP } from '../../src/lab/topology.ts';
import { keyPair, makeDevice } from '../../src/lab/wireguard.ts';

const device = 'plain0';
const address = '10.99.1.3';

/** From then on what home itself sends to target goes by it. */
export async function startPlain(): Promise<void> {
  const own = keyPair();
  const warp = (await ask('warp', ['wg', 'show', 'warp0', 'public-key'])).trim();
  await ask('warp', ['wg', 'set', 'warp0', 'peer', own.publicKey, 'allowed-ips', `${address}/32`]);
  await ask('warp', ['ip', 'route', 'replace', address, 'dev', 'warp0']);
  const leave = ['ip', 'saddr', address, 'oifname', 'eth0', 'snat', 'to', WARP.exit];
  await ask('warp', ['nft', 'add', 'rule', 'ip', 'lab', 'out', ...leave]);
  const config = [
    `[Interface]\nPrivateKey = ${own.privateKey}`,
    `[Peer]\nPublicKey = ${warp}\nAllowedIPs = 0.0.0.0/0\nEndpoint = ${WARP.endpoint}:${WARP.port}\n`,
  ].join('\n');
  await makeDevice('home', device, config, 1280, [`${address}/32`]);
  await ask('home', ['ip', 'route', 'add', TARGET.ip, 'dev', device]);
}

/** Its route goes with it. */
export async function stopPlain(): Promise<void> {
  await ask('home', ['ip', 'link', 'del', device]);
}
