// What the machine is and can do: kernel, resolver, installed programs, clock, disk. Read only: nothing is changed by asking.

/** A kernel module: in the kernel, there to be loaded, or neither as far as can be seen from here. */
export type Module = 'loaded' | 'built in' | 'loadable' | 'absent';

/** What can be tried in a network namespace that goes with the try (trial.ts says how). */
export type Trial = 'tun' | 'veth' | 'wireguard' | 'clsact' | 'nftables';

/** `loadable` and `untried`: trying would load a module, so it was not done; `detail` says which, or what was refused. */
export type Outcome = { readonly result: 'works' | 'loadable' | 'fails' | 'untried'; readonly detail: string };

/** A file or folder that somebody beside root can read or change, by what is worst about it. */
export type Exposed = { readonly path: string; readonly how: 'readable' | 'writable' };

export interface Machine {
  /** `system` when the kernel has (or can load) the openvswitch datapath, else `netdev`, the userspace one. */
  datapath(): Promise<'system' | 'netdev'>;
  /** The IPv4 addresses of a host name, sorted; a literal address gives itself. @throws OpError `host` when it has none. */
  resolve(name: string): Promise<readonly string[]>;
  /** Full path of an installed program; null when it is not on PATH. */
  program(name: string): Promise<string | null>;
  /** Names this boot of the machine (of the container that is the machine): another one has another name. */
  boot(): Promise<string>;
  /** Seconds since the kernel was booted, those asleep included: a clock that nobody sets. */
  uptime(): Promise<number>;
  /** The IPv4 name servers of /etc/resolv.conf, without loopback ones, in order. */
  nameservers(): Promise<readonly string[]>;
  /** The kernel's release, `6.1.0-18-amd64`. */
  kernel(): Promise<string>;
  /** The kernel's module of that name, with `_` or `-`. */
  module(name: string): Promise<Module>;
  /** Does it in a network namespace of its own, unless that would load a module. Needs root. */
  attempt(trial: Trial): Promise<Outcome>;
  /**
   * The version that the program says it is, asked with `option`; null when it is not on PATH.
   * @throws OpError `host` when it can't be run or says none, `timeout` after 4 s.
   */
  version(name: string, option?: string): Promise<string | null>;
  /** What contains this machine (`lxc`, `docker`, …, as systemd-detect-virt names it); null when nothing does. */
  container(): Promise<string | null>;
  /** Bytes that are free for root on the file system of a path. @throws OpError `host`. */
  space(path: string): Promise<number>;
  /** Whether we could write there: false on a read-only file system, and where there is nothing. */
  writable(path: string): Promise<boolean>;
  /** What is open of a file or folder and all below it, sorted; a folder that others can't enter shuts what it holds. */
  exposed(path: string): Promise<readonly Exposed[]>;
  /** Whether somebody holds a flock(2) lock on the file for himself alone; false when there is no file. */
  held(path: string): Promise<boolean>;
  /** Whether the clock is kept right from outside; null when nothing here tells. */
  synchronised(): Promise<boolean | null>;
}
