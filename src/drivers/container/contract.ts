// Containers as the kinds see them: made, started, stopped, entered. Backends: plain LXC, and Proxmox's pct.

import type { Nft } from '../nft/contract.ts';
import type { Tc } from '../tc/contract.ts';
import type { Watch } from '../watch.ts';
import type { ExecOptions, ExecResult } from '../exec.ts';

/** A container that somebody else has made and whose networking can be taken over, or has been. */
export type Stranger = { readonly id: number; readonly name: string; readonly running: boolean };

/** All that a container is, apart from what runs in it. Plain data: it is the `container` kind's spec. */
export type Definition = {
  readonly id: number;
  /** `pct`: made by us in Proxmox. `adopted`: by somebody else, and its networking alone is ours. Without it: plain LXC. */
  readonly made?: 'pct' | 'adopted' | undefined;
  readonly template: string;
  readonly autostart: boolean;
  readonly bridge: string;
  /** `socket`: the OVS internal port `device` is moved in under its own name. `veth`: a pair, `eth0` inside. */
  readonly mode: 'socket' | 'veth';
  /** Port row and Interface of the switch, and the OpenFlow port, for the hook that restores a lost port. */
  readonly port: { readonly row: string; readonly device: string; readonly ofport: number };
  readonly mac: string;
  /** `10.0.0.100/24`. */
  readonly address: string;
  readonly gateway: string;
  /** Sysctls set inside its network namespace before its init runs: `net.ipv4.ip_forward` → `1`. */
  readonly sysctl: Readonly<Record<string, string>>;
  /** /etc/resolv.conf's name servers. */
  readonly nameservers: readonly string[];
  /** Programs of the host shown inside, read only: path inside → path on the host. */
  readonly binds: Readonly<Record<string, string>>;
  /** Distance from the exit: 0 starts first, both in a batch and at boot (`lxc.start.order`). */
  readonly order: number;
};

export type Container = {
  readonly name: string;
  readonly running: boolean;
  /** Whether a running container has the device that its switch port has now; true of a stopped one. */
  readonly attached: boolean;
  readonly definition: Definition;
};

/** Bytes through a network device since it was made. */
export type Traffic = { readonly received: number; readonly sent: number };

export type FileOptions = {
  readonly mode: number /** Owner inside the container, numeric. */;
  readonly uid: number;
  readonly gid: number;
};

export interface Containers {
  readonly backend: 'lxc' | 'pct';
  /** What can be adopted, by id; what was adopted is among them. */
  strangers(): Promise<readonly Stranger[]>;
  /** Makes sure the template is in the cache; `progress` is told what takes long. A second call is quick. */
  prepare(template: string, progress: (line: string) => void): Promise<void>;
  /** Whether `prepare` would have nothing to do. @throws OpError `state` for a name without a recipe. */
  prepared(template: string): Promise<boolean>;
  /** Whether a container of that name exists without our mark, or of that id where ids are the backend's. */
  isForeign(name: string, id: number): Promise<boolean>;
  /** Containers that carry our mark, by name. */
  list(): Promise<readonly Container[]>;
  /**
   * Makes the container from the template, stopped. One to be adopted keeps running, or stopped: only its links to
   * networks are replaced by ours.
   * @throws OpError `foreign` when a container of that name or id exists without our mark.
   */
  create(name: string, definition: Definition): Promise<void>;
  /** Takes a new definition; a running container gets it at its next start, an adopted one at once. */
  configure(name: string, definition: Definition): Promise<void>;
  /**
   * Removes a stopped container of ours. Until `tidy`, `create` with the same template brings it back as it was inside.
   * An adopted one, running or not, gets the links back that it had, and is somebody else's again.
   */
  destroy(name: string): Promise<void>;
  /** Starts and waits until its init answers and its boot is over. @throws OpError `timeout`, `host`. */
  start(name: string): Promise<void>;
  /** Stops cleanly (SIGKILL after 10 s) and waits. Quiet when it is stopped. */
  stop(name: string): Promise<void>;
  /**
   * Gives a running container that isn't attached the device that its switch port has now, with address and route; what
   * runs inside goes on. @throws OpError `host` when it isn't running.
   */
  reattach(name: string): Promise<void>;
  /** Runs a program inside a running container. @throws OpError `host` when it isn't running. */
  exec(name: string, argv: readonly [string, ...string[]], options?: ExecOptions): Promise<ExecResult>;
  /** The argument vector that runs a program inside a running container on the caller's terminal. */
  attach(name: string, argv: readonly [string, ...string[]]): Promise<readonly [string, ...string[]]>;
  /**
   * Which of these systemd services (without `.service`) are neither stopped nor failed nor waiting for their next try:
   * active, or on the way there or back. None of a stopped container. Costs no program.
   */
  activeUnits(name: string, units: readonly string[]): Promise<ReadonlySet<string>>;
  /** Names of the network devices that a running container has now; none of a stopped one. Costs no program. */
  devices(name: string): Promise<ReadonlySet<string>>;
  /** What went through each of those devices. Costs no program. */
  traffic(name: string): Promise<ReadonlyMap<string, Traffic>>;
  /** A file of the container, running or stopped; null when there is none. Never follows a symbolic link. */
  read(name: string, path: string): Promise<string | null>;
  /** Replaces a file of the container, running or stopped; makes parents (0755, root). Never follows a symbolic link. */
  write(name: string, path: string, content: string, options: FileOptions): Promise<void>;
  /** Makes or replaces a symbolic link. */
  link(name: string, path: string, target: string): Promise<void>;
  /** Removes a file or link; quiet when there is none. */
  remove(name: string, path: string): Promise<void>;
  /**
   * The packet filter of its network namespace, worked on from outside it. Kept on the host and loaded by the start hook
   * before init runs; on a running container it takes effect at once.
   */
  filter(name: string): Nft;
  /**
   * How packets leave the devices of its network namespace, worked on from outside it: an unprivileged container may load
   * no program. Nothing is kept: it goes with the device. Of a stopped container no device is there.
   */
  tc(name: string): Tc;
  /** Names of the containers that have a filter kept on the host, made or not yet made. */
  filters(): Promise<readonly string[]>;
  /**
   * Removes for good what was destroyed, what an interrupted command left half made, and what all containers share when
   * there is none; quiet otherwise. Only for the one command that is changing the host, once it has done.
   */
  tidy(): Promise<void>;
  /**
   * Tells of containers of ours that are made, changed, started, stopped and removed, also of those to come: that init or
   * LXC's monitor dies, that a container boots anew; and within 2 s of network devices that come and go inside. Of `units`
   * (by container, without `.service`) it tells when their processes end or are others. Not of files and filters inside.
   * Costs no program.
   */
  watch(units: Readonly<Record<string, readonly string[]>>, changed: () => void): Promise<Watch>;
  /** Waits for and releases nothing else: closes what the driver holds open, and ends the watches. */
  close(): Promise<void>;
}
