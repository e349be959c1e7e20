// The machine around op-dbus: init, bus, programs, disk, clock.

import { type Facts, packages } from '../fact.ts';
import { install, known, less, no, unknown, type Verdict, works } from '../finding.ts';

export function init(facts: Facts): Verdict {
  return known([facts.init, facts.systemd], (name, version) =>
    name === 'systemd'
      ? works(`systemd ${version ?? ''}`.trim())
      : less(`${name}, not systemd: nothing of ours starts at boot`, `${install('systemd-sysv')} && reboot`),
  );
}

export function bus(facts: Facts): Verdict {
  return known([facts.bus], (why) =>
    why === null ? works('answers') : no(why, `${install('dbus')} && systemctl start dbus`),
  );
}

export function proxmox(facts: Facts): Verdict {
  return known([facts.proxmox], ({ pct, version }) => {
    if (pct === null && version === null) return works('not a Proxmox host');
    const manager = `pve-manager ${version ?? 'unknown'}`;
    // Containers are Proxmox's by pct alone.
    if (pct === null)
      return less(
        `${manager} without pct: containers are made by LXC, and not in the web GUI`,
        install('pve-container'),
      );
    return works(`${manager}; containers are made by pct`);
  });
}

export function programs({ missing }: Facts): Verdict {
  return known([missing], (names) =>
    names.length === 0
      ? works(`all ${Object.keys(packages).length} there`)
      : no(`missing: ${names.join(', ')}`, install(...names.map((name) => packages[name] ?? name))),
  );
}

export function node(): Verdict {
  return works(process.versions.node);
}

const MiB = 1024 ** 2;

/** A container is 200 MiB where it can't be copied on write, and the template as much. */
export function disk({ disk: asked }: Facts): Verdict {
  return known([asked], (free) => {
    const found = `${free < 1024 * MiB ? `${Math.floor(free / MiB)} MiB` : `${(free / 1024 / MiB).toFixed(1)} GiB`} free in /var/lib`;
    const fix = 'apt-get clean && journalctl --vacuum-size=100M';
    if (free < 256 * MiB) return no(found, fix);
    return free < 1024 * MiB ? less(found, fix) : works(found);
  });
}

/** VMess takes no message from a clock that is 120 s off. */
export function clock({ clock: asked }: Facts): Verdict {
  return known([asked], (right) => {
    if (right === null) return unknown('nothing here tells; VMess needs it within 120 s', 'date -u');
    return right
      ? works('synchronised')
      : less('not synchronised; VMess needs it within 120 s', 'timedatectl set-ntp true');
  });
}
