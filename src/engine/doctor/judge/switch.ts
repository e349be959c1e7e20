// Open vSwitch: which one, whether it runs, whether it takes packets, whether it can limit them.

import type { Facts } from '../fact.ts';
import { broken, install, known, late, less, no, unknown, valueOf, type Verdict, works } from '../finding.ts';

const restart = 'systemctl restart openvswitch-switch';
const start = 'systemctl enable --now openvswitch-switch';

/** Started within 10 s of boot, it counts no processors, has no thread for upcalls, and drops each; 3.1.1 counts at once. */
const withFastBootBug = '3.1.0';

export function installed({ switchInstalled }: Facts): Verdict {
  return known([switchInstalled], (version) =>
    version === null ? no('not installed', install('openvswitch-switch')) : works(version),
  );
}

export function running({ switchInstalled, switchRunning, datapathTypes, modules }: Facts): Verdict {
  if (late(switchRunning)) return broken('it is there, and gives no answer', restart);
  if (late(datapathTypes)) return broken('its database gives no answer', restart);
  return known([switchRunning, switchInstalled, datapathTypes], (version, there, types) => {
    if (version === null)
      return there === null
        ? no('not running', `${install('openvswitch-switch')} && ${start}`)
        : no('not running', start);
    const found = types === null || types.length === 0 ? version : `${version}, datapaths ${types.join(', ')}`;
    if (there !== null && version !== there.split('-')[0])
      return less(`${version}, though ${there} is installed`, restart);
    const kernel = valueOf(modules)?.openvswitch !== 'absent';
    if (version !== withFastBootBug || !kernel) return works(found);
    return less(`${found}; started within 10 s of boot it drops packets (fixed in 3.1.1)`, `when it does: ${restart}`);
  });
}

/** Nobody took a packet of those that no flow of the kernel's datapath matched: then nobody will. */
export function upcalls(facts: Facts): Verdict {
  return known([facts.upcalls, facts.switchRunning], (datapaths, version) => {
    if (datapaths === null) return unknown('no switch to ask', start);
    const kernel = datapaths.filter(({ datapath }) => datapath.startsWith('system@'));
    const dead = kernel.find(({ missed, lost }) => missed > 0 && lost === missed);
    if (dead !== undefined) {
      const why = version === withFastBootBug ? ` (a bug of ${version} when it starts within 10 s of boot)` : '';
      return broken(`${dead.datapath} lost all ${dead.missed} packets that it asked about${why}`, restart);
    }
    const counts = kernel.map(({ missed, lost }) => `asked about ${missed}, lost ${lost}`);
    return works(counts.join('; ') || 'no kernel datapath in use');
  });
}

export function meters(facts: Facts): Verdict {
  const { meters: asked, switchInstalled, modules, kernel } = facts;
  if (valueOf(switchInstalled) === null) return no('no switch', install('openvswitch-switch'));
  if (valueOf(asked)) return known([asked], (answer) => limit(answer?.limit ?? 0, answer?.bridge ?? ''));
  // A bridge that doesn't answer is told of; where there is none, or nobody may ask it, what is known of versions is.
  if ('unknown' in asked && asked.because !== 'barred') return known([asked], () => works(''));
  return known([modules, kernel], ({ openvswitch }, release) => {
    if (openvswitch === 'absent') return works('by the userspace datapath; no bridge to ask');
    const [major = 0, minor = 0] = release.split('.').map(Number);
    if (major > 4 || (major === 4 && minor >= 18)) return works(`by kernel ${release}; no bridge to ask`);
    return no(
      `kernel ${release} has none that limit`,
      'apt-get install linux-image-$(dpkg --print-architecture) && reboot',
    );
  });
}

function limit(count: number, bridge: string): Verdict {
  if (count > 0) return works(`${bridge} can have ${count}`);
  return no(`${bridge} can have none`, `ovs-vsctl set bridge ${bridge} datapath_type=netdev`);
}
