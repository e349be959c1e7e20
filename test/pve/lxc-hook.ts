// What a container's start runs on the node, below LXC: volumes, device nodes, root files, the card's bridge; after its end
// the hookscript, and the way to a reboot from within (lxc-pve-prestart-hook, lxc-pve-poststop-hook, lxcnetaddbr).

import { stat, writeFile } from 'node:fs/promises';
import { optional } from '../../src/drivers/container/record.ts';
import { fillChecksums, plug } from './bridge.ts';
import { Die } from './die.ts';
import { load } from './guest.ts';
import { hookscript } from './hookscript.ts';
import { settle } from './inside.ts';
import { writeLxcConfig } from './lxc.ts';
import { makeDevices, mountRoot, unmountRoot } from './mounted.ts';
import { net } from './option.ts';
import type { Pve } from './pve.ts';
import { parseProperties } from './schema.ts';

/** `argv` as LXC gives it: NAME SECTION TYPE, and more. @throws Die: then the start, or the reboot, is off. */
export async function lxcHook(pve: Pve, argv: readonly string[], target: string | undefined): Promise<void> {
  const [name = '', , type, ...more] = argv;
  const vmid = Number(name);
  const config = await load(pve, vmid);
  if (type === 'pre-start') {
    const root = await mountRoot(pve, vmid, config);
    await settle(root, vmid, config, false);
    await makeDevices(pve, vmid, config);
  } else if (type === 'up') {
    const device = more.at(-1) ?? '';
    const index = Number(/^veth\d+i(\d+)$/.exec(device)?.[1]);
    const card = config.values[`net${index}`];
    if (card === undefined) throw new Die(`no such network device: ${device}`);
    const values = parseProperties(card, net);
    await fillChecksums(device, values['bridge'] ?? '');
    await plug(vmid, index, values);
  } else if (type === 'post-stop') {
    await unmountRoot(pve, vmid);
    const request = pve.below(`/var/lib/lxc/${vmid}/reboot`);
    if (target === 'reboot') {
      await writeLxcConfig(pve, vmid, config);
      await writeFile(request, '');
      // LXC would start again with the configuration that it has in mind: the supervisor has the new one read.
      throw new Die('stopped instead, to be started again');
    }
    if ((await optional(stat(request))) === null) await hookscript(pve, vmid, config, 'post-stop');
  }
}
