// What containers are made with, and what holds them.

import type { Facts } from '../fact.ts';
import { forKernel, install, known, less, no, unknown, valueOf, type Verdict, works } from '../finding.ts';

export function lxc({ lxc: asked }: Facts): Verdict {
  return known([asked], (version) =>
    version === null ? no('not installed', install('lxc', 'uidmap')) : works(version),
  );
}

export function template({ template: asked, templateBuilder, proxmox }: Facts): Verdict {
  return known([asked, templateBuilder, proxmox], (cached, builder, { pct }) => {
    if (cached)
      return works(pct === null ? 'debian-12 is in the cache' : 'debian-12-op-dbus is in a storage of Proxmox');
    if (builder === null) return no('not built, and nothing to build it with', install('mmdebstrap'));
    return less('debian-12 is not built: takes minutes, and the Internet', 'op-dbus apply FILE builds it');
  });
}

/** Where a container's users begin unless root has a range of its own, and how many there are. */
const usual = 100_000;
const count = 65_536;

export function userIds(facts: Facts): Verdict {
  return known([facts.userIds], ({ map, users, groups, namespaces }) => {
    if (namespaces === 0) return no('user namespaces are off', 'sysctl -w user.max_user_namespaces=15000');
    const own = ranges(users).find((start) => ranges(groups).includes(start));
    const last = (own ?? usual) + count;
    if (!covers(map, last))
      return no(
        `this machine has no ids up to ${last} to give`,
        forKernel(facts, 'give the container a range of more ids (lxc.idmap), in which others fit'),
      );
    return works(own === undefined ? 'no range for root yet: apply takes a free one' : `root:${own}:${count}`);
  });
}

/** Starts of root's ranges that are long enough. */
function ranges(text: string): readonly number[] {
  return [...text.matchAll(/^(?:root|0):(\d+):(\d+)\s*$/gm)].flatMap(([, start, length]) =>
    Number(length) >= count ? [Number(start)] : [],
  );
}

/** Whether ids below `last` exist in this user namespace (user_namespaces(7)); all do where nothing tells of a map. */
function covers(map: string, last: number): boolean {
  const ends = map.split('\n').flatMap((line) => {
    const [start, , length] = line.trim().split(/\s+/).map(Number);
    return start === undefined || length === undefined ? [] : [start + length];
  });
  return ends.length === 0 || Math.max(...ends) >= last;
}

const unified = boot('systemd.unified_cgroup_hierarchy=1');

export function cgroups(facts: Facts): Verdict {
  return known([facts.cgroups], ({ controllers, delegated }) => {
    if (valueOf(facts.cgroupsWritable) === false)
      return no('can only be read', forKernel(facts, 'delegate the cgroup (lxc.mount.auto = cgroup:rw, or nesting=1)'));
    if (controllers === null) return less('version 1, or both mixed', forKernel(facts, unified));
    const lacking = ['cpu', 'memory', 'pids'].filter((name) => !controllers.includes(name));
    if (lacking.length > 0)
      return less(
        `version 2, no limits of ${lacking.join(', ')}`,
        forKernel(facts, `systemctl set-property --runtime -- -.slice ${lacking.map(accounting).join(' ')}`),
      );
    const shown = delegated.filter((name) => controllers.includes(name)).join(', ');
    return works(`version 2: ${controllers.join(', ')}${shown === '' ? '' : `; delegated: ${shown}`}`);
  });
}

/** `memory` → `MemoryAccounting=yes` (systemd.resource-control(5)). */
function accounting(controller: string): string {
  const names: Readonly<Record<string, string>> = { cpu: 'CPU', memory: 'Memory', pids: 'Tasks' };
  return `${names[controller] ?? controller}Accounting=yes`;
}

/** inotify(7) instances that systemd and D-Bus open in a container: 6 or 7, more while it starts. */
const watched = 8;

/** To the kernel all unprivileged containers are one user, and share its instances; a systemd that gets none ends. */
export function inotify(facts: Facts, containers: number): Verdict {
  return known([facts.inotify], (limit) => {
    if (limit === null) return unknown('nothing here tells of a limit', 'sysctl fs.inotify.max_user_instances');
    const room = Math.floor(limit / watched);
    if (containers <= room) return works(`${limit} instances: about ${room} containers`);
    const line = `fs.inotify.max_user_instances = ${2 ** Math.ceil(Math.log2(2 * watched * containers))}`;
    return no(
      `${limit} instances: about ${room} containers, and the file has ${containers}`,
      forKernel(facts, `echo '${line}' > /etc/sysctl.d/60-inotify.conf && sysctl -p /etc/sysctl.d/60-inotify.conf`),
    );
  });
}

/** An unprivileged container is confined without it too: its root is nobody on the machine. */
export function appArmor(facts: Facts): Verdict {
  return known([facts.apparmor], ({ enabled, reachable, parser }) => {
    if (enabled === true && parser !== null && reachable) return works(`on, parser ${parser}`);
    if (enabled !== true) {
      return less(
        `${enabled === null ? 'not in this kernel' : 'off'}: containers get no profile`,
        forKernel(facts, boot('apparmor=1 security=apparmor')),
      );
    }
    if (parser === null) return less('no parser: containers get no profile', install('apparmor'));
    return less(
      'policy is out of reach: containers get no profile',
      forKernel(facts, 'mount -t securityfs securityfs /sys/kernel/security'),
    );
  });
}

/** Adds to the kernel's command line, as Debian's GRUB takes it. */
function boot(options: string): string {
  const line = `GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${options}"`;
  return `echo '${line}' >> /etc/default/grub.d/op-dbus.cfg && update-grub && reboot`;
}
