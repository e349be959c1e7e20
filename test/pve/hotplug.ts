// What of a change takes effect in a running container: cards come, go, change bridges (PVE::LXC::Config vmconfig_hotplug_pending).

import { exec, run } from '../../src/drivers/exec.ts';
import { fillChecksums, needBridge, plug, unplug } from './bridge.ts';
import type { Config } from './config.ts';
import { Die, type Faults } from './die.ts';
import { net } from './option.ts';
import type { Pve } from './pve.ts';
import { parseProperties, type Values } from './schema.ts';

/** Keys that only the container's cgroup has to be told of, which the double has not. */
const CGROUP = ['memory', 'swap', 'cpulimit', 'cpuunits'];

/** @returns what is left as pending for the next start, and what went wrong, by key. */
export async function applyNow(
  pve: Pve,
  vmid: number,
  config: Config,
  atOnce: readonly string[],
): Promise<{ readonly config: Config; readonly faults: Faults }> {
  const values: Record<string, string> = { ...config.values };
  const pending: Record<string, string> = { ...config.pending };
  const deleted: string[] = [];
  const faults: Faults = {};
  for (const key of config.deleted) {
    // Of the cards only the first ten go hot.
    if (/^net\d$/.test(key)) await removeCard(vmid, Number(key.slice(3)));
    else if (![...atOnce, 'swap', 'cpulimit'].includes(key)) {
      deleted.push(key);
      continue;
    }
    delete values[key];
  }
  for (const [key, value] of Object.entries(config.pending)) {
    try {
      if (/^net\d$/.test(key)) await changeCard(pve, vmid, Number(key.slice(3)), values[key], value);
      else if (![...atOnce, ...CGROUP].includes(key)) continue;
    } catch (error) {
      faults[key] = `unable to hotplug ${key}: ${(error as Error).message}`;
      continue;
    }
    values[key] = value;
    delete pending[key];
  }
  return { config: { ...config, values, pending, deleted }, faults };
}

/** Name and address as before: only the bridge changes, and nothing inside but the addresses. */
async function changeCard(
  pve: Pve,
  vmid: number,
  index: number,
  before: string | undefined,
  after: string,
): Promise<void> {
  const [old, card] = [before === undefined ? null : parseProperties(before, net), parseProperties(after, net)];
  if (card['bridge'] !== undefined) needBridge(card['bridge']);
  const kept = old !== null && old['name'] === card['name'] && old['hwaddr'] === card['hwaddr'];
  const pid = await init(pve, vmid);
  if (!kept) {
    if (old !== null) await removeCard(vmid, index);
    await addCard(vmid, index, card, pid);
  }
  if (!kept || ['bridge', 'tag', 'trunks', 'firewall'].some((key) => old?.[key] !== card[key]))
    await plug(vmid, index, card);
  await readdress(card, pid, old);
}

async function addCard(vmid: number, index: number, card: Values, pid: string): Promise<void> {
  const [device, peer, name] = [`veth${vmid}i${index}`, `veth${vmid}i${index}p`, card['name'] ?? ''];
  await run(exec, ['ip', 'link', 'add', 'name', device, 'type', 'veth', 'peer', 'name', peer]);
  await fillChecksums(device, card['bridge'] ?? '');
  await run(exec, ['ip', 'link', 'set', 'dev', peer, 'address', card['hwaddr'] ?? '', 'netns', pid, 'name', name]);
  await inside(pid, 'ip', 'link', 'set', 'dev', name, 'up');
}

async function removeCard(vmid: number, index: number): Promise<void> {
  await unplug(vmid, index);
  await run(exec, ['ip', 'link', 'delete', 'dev', `veth${vmid}i${index}`]);
}

async function readdress(card: Values, pid: string, old: Values | null): Promise<void> {
  const device = card['name'] ?? '';
  for (const [address, way, family] of [
    ['ip', 'gw', '-4'],
    ['ip6', 'gw6', '-6'],
  ] as const) {
    if (old !== null && old[address] === card[address] && old[way] === card[way]) continue;
    await inside(pid, 'ip', family, 'address', 'flush', 'dev', device, 'scope', 'global');
    if (card[address]?.includes('/')) await inside(pid, 'ip', family, 'address', 'add', card[address], 'dev', device);
    if (card[way] !== undefined)
      await inside(pid, 'ip', family, 'route', 'replace', 'default', 'via', card[way], 'dev', device);
  }
}

async function inside(pid: string, ...argv: readonly string[]): Promise<void> {
  await run(exec, ['nsenter', `--net=/proc/${pid}/ns/net`, ...argv]);
}

/** Init's number on the machine. @throws Die when the container has just ended. */
export async function init(pve: Pve, vmid: number): Promise<string> {
  const { stdout, code } = await exec(['lxc-info', '-P', pve.below('/var/lib/lxc'), '-n', String(vmid), '-p', '-H']);
  if (code !== 0 || !/^\d+$/.test(stdout)) throw new Die(`unable to get PID for CT ${vmid} (not running?)`);
  return stdout;
}
