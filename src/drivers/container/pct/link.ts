// A container's links to networks, as Proxmox makes them: net0…net31 of its configuration (pct.conf(5)).

import { OpError } from '../../../error.ts';
import { nets, sameNet } from './config.ts';
import type { Pct } from './command.ts';
import type { Confs } from './entry.ts';

/**
 * Gives the container these links and no other, a running one at once. @throws OpError `host` when Proxmox has put the
 * change off to the next start.
 */
export async function setLinks(
  pct: Pct,
  confs: Confs,
  id: number,
  wanted: Readonly<Record<string, string>>,
): Promise<void> {
  const conf = await confs.read(id);
  if (conf === null) throw new OpError('host', `container ${id}: there is none`);
  const now = nets(conf);
  const gone = Object.keys(now).filter((key) => wanted[key] === undefined);
  const set = Object.entries(wanted).filter(([key, value]) => !sameNet(now[key], value));
  if (gone.length === 0 && set.length === 0) return;
  // One after the other: what is plugged anew may have the name of what goes.
  if (gone.length > 0) await pct.run('set', id, ['--delete', gone.join(',')]);
  if (set.length > 0)
    await pct.run(
      'set',
      id,
      set.flatMap(([key, value]) => [`--${key}`, value]),
    );
  const after = await confs.read(id);
  const left = [...new Set([...gone, ...set.map(([key]) => key)])].filter(
    (key) => after === null || !sameNet(nets(after)[key], wanted[key]),
  );
  if (left.length > 0)
    throw new OpError(
      'host',
      `Proxmox puts the change of ${left.join(', ')} off to the next start of container ${id}`,
      {
        at: `container ${id}`,
        hint: `pct pending ${id} shows it. Stop and start the container (pct reboot ${id}), and do this again.`,
      },
    );
}
