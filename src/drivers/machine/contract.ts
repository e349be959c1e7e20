// What the machine is: kernel, resolver, installed programs. Read only.

export interface Machine {
  /** `system` when the kernel has (or can load) the openvswitch datapath, else `netdev`, the userspace one. */
  datapath(): Promise<'system' | 'netdev'>;
  /** The IPv4 addresses of a host name, sorted; a literal address gives itself. @throws OpError `host` when it has none. */
  resolve(name: string): Promise<readonly string[]>;
  /** Full path of an installed program; null when it is not on PATH. */
  program(name: string): Promise<string | null>;
  /** Names this boot of the machine (of the container that is the machine): another one has another name. */
  boot(): Promise<string>;
  /** The IPv4 name servers of /etc/resolv.conf, without loopback ones, in order. */
  nameservers(): Promise<readonly string[]>;
}
