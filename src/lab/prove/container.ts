// A container of a lab host as a person would deal with it: by LXC's programs, or by pct(1) where the hosts are Proxmox's.

/** Whether the lab's hosts have Proxmox's programs, from the folder that this names (see enter.sh). */
export const PROXMOX = process.env['OP_DBUS_LAB_PATH'] !== undefined;

const IDS = { 'wireguard-gateway': '100', 'warp-tunnel': '101', 'xray-client': '102', 'xray-server': '100' } as const;

export type Name = keyof typeof IDS;

type Argv = readonly [string, ...string[]];

/** What comes before a program that is to run inside. */
export function attach(name: Name): Argv {
  return PROXMOX ? ['pct', 'exec', IDS[name], '--'] : ['lxc-attach', '-n', name, '--'];
}

export function stop(name: Name): Argv {
  return PROXMOX ? ['pct', 'shutdown', IDS[name], '--timeout', '10'] : ['lxc-stop', '-n', name, '-t', '10'];
}

export function start(name: Name): Argv {
  return PROXMOX ? ['pct', 'start', IDS[name]] : ['lxc-start', '-n', name];
}

/** What lists the containers, and the line of one that runs. */
export const LIST = PROXMOX ? 'pct list' : 'lxc-ls -f';

export function listed(...names: readonly Name[]): RegExp {
  const line = (name: Name): string => (PROXMOX ? `^${IDS[name]} +running +${name}` : `^${name} +RUNNING`);
  return new RegExp(names.map(line).join('[^]*'), 'm');
}
