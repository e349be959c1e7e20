// How a container's veth gets on its bridge, at each start anew (PVE::LXC net_tap_plug, PVE::Network tap_plug).

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { exec, run } from '../../src/drivers/exec.ts';
import { Die } from './die.ts';
import type { Values } from './schema.ts';

/**
 * Puts the device on the bridge of its card: what the switch knew of a port of that name is gone, with its number.
 * @throws Die when there is no such bridge.
 */
export async function plug(vmid: number, index: number, card: Values): Promise<void> {
  const device = `veth${vmid}i${index}`;
  const bridge = card['bridge'];
  if (bridge === undefined) return;
  needBridge(bridge);
  await unplug(vmid, index);
  if (existsSync(`/sys/class/net/${bridge}/bridge`)) {
    await run(exec, ['ip', 'link', 'set', 'dev', device, 'master', bridge, 'up']);
    return;
  }
  if (!(await isSwitch(bridge))) throw new Die(`bridge '${bridge}' is neither a linux nor an OVS bridge!`);
  const tag = card['tag'] === undefined ? [] : [`tag=${card['tag']}`];
  const trunks = card['trunks'] === undefined ? [] : [`trunks=${card['trunks'].replaceAll(';', ',')}`];
  const mode = tag.length > 0 && trunks.length > 0 ? ['vlan_mode=native-untagged'] : [];
  await run(exec, ['ip', 'link', 'set', 'dev', device, 'up']);
  if (card['firewall'] === '1') {
    // The switch sees the far end of a bridge of the firewall's own.
    const [own, port] = [`fwbr${vmid}i${index}`, `fwln${vmid}o${index}`];
    await run(exec, ['ip', 'link', 'add', 'name', own, 'type', 'bridge']);
    await run(exec, ['ip', 'link', 'set', 'dev', own, 'up']);
    await run(exec, ['ip', 'link', 'set', 'dev', device, 'master', own]);
    await vsctl('add-port', bridge, port, ...tag, ...trunks, ...mode, '--', 'set', 'Interface', port, 'type=internal');
    await run(exec, ['ip', 'link', 'set', 'dev', port, 'master', own, 'up']);
  } else {
    const mtu = await run(exec, ['cat', `/sys/class/net/${bridge}/mtu`]);
    const request = ['--', 'set', 'Interface', device, `mtu_request=${mtu}`];
    await vsctl('add-port', bridge, device, ...tag, ...trunks, ...mode, ...request);
  }
}

/** Takes the device off whatever switch it is on. */
export async function unplug(vmid: number, index: number): Promise<void> {
  const own = `fwbr${vmid}i${index}`;
  for (const port of [`veth${vmid}i${index}`, `fwln${vmid}o${index}`])
    await exec(['ovs-vsctl', '--timeout=20', '--if-exists', 'del-port', port]);
  if (existsSync(`/sys/class/net/${own}`)) await run(exec, ['ip', 'link', 'delete', 'dev', own]);
}

/**
 * Has the far end of a new pair fill in checksums itself when a userspace switch gets its packets, which takes them as
 * they are; a real node has the kernel's. ethtool(8) -K DEVICE tx off, by ioctl SIOCETHTOOL, ETHTOOL_STXCSUM.
 */
export async function fillChecksums(device: string, bridge: string): Promise<void> {
  const { stdout } = await exec(['ovs-vsctl', '--timeout=20', '--if-exists', 'get', 'Bridge', bridge, 'datapath_type']);
  if (stdout !== 'netdev') return;
  const wanted = await readFile(`/sys/class/net/${device}/iflink`, 'utf8');
  for (const name of await readdir('/sys/class/net'))
    if ((await readFile(`/sys/class/net/${name}/ifindex`, 'utf8').catch(() => '')) === wanted)
      await run(exec, ['perl', '-e', NO_OFFLOAD, name]);
}

const NO_OFFLOAD = `
  socket(my $socket, 2, 2, 0) or die "$!";
  my $off = pack("LL", 0x17, 0);
  my $request = pack("a16 P8 x16", $ARGV[0], $off);
  ioctl($socket, 0x8946, $request) or die "$!"`;

/** @throws Die when no device has the name. */
export function needBridge(bridge: string): void {
  if (!existsSync(`/sys/class/net/${bridge}`)) throw new Die(`bridge '${bridge}' does not exist`);
}

async function isSwitch(bridge: string): Promise<boolean> {
  return (await exec(['ovs-vsctl', '--timeout=20', 'br-exists', bridge])).code === 0;
}

async function vsctl(...argv: readonly string[]): Promise<void> {
  await run(exec, ['ovs-vsctl', '--timeout=20', ...argv]);
}
