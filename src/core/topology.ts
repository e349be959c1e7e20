// What the state file means, worked out once: bridges, members, roles, addresses, the chain. Pure; every kind expands from it.

import type { Address } from './address.ts';
import type { Resource } from './resource.ts';
import type { Fingerprint } from './secret.ts';
import type { ShaperState, WarpState, WireguardState, XrayState } from './state/schema.ts';

/** Where a proxy's container takes WARP's packets in: its filter redirects them to this UDP port. Its proxy listens there, or its shaper. */
export const warpPort = 12408;

/** Where a proxy takes the shaper's frames in, by loopback; the filter lets the shaper alone send there. */
export const warpInlet = 12409;

/** Where the VPS's shaper takes frames from its proxy, by loopback. */
export const shaperPort = 2499;

/** Debian's base system has this user in every container (base-passwd), and nothing else of ours runs as it. */
export const shaperUser = { name: 'proxy', uid: 13 } as const;

/** Where the fallback web server listens, in the container of the proxy to which it belongs, on 127.0.0.1. */
export const webPort = 8081;

/** Where the client keeps the VPS's certificate, unless the state says otherwise. */
export const pinnedCertificate = '/etc/xray/vps.pem';

/** What WARP carries when the state says no other MTU: wgcf's profiles say the same. */
export const warpMtu = 1280;

/** A resolved peer outside: literal IPv4 address and port. */
export type Endpoint = { readonly ip: string; readonly port: number };

/**
 * What a container does. `gateway` takes WireGuard clients, `warp` wraps in WARP, `proxy-client` carries to the VPS,
 * `proxy-server` is the VPS's end, `plain` is any other container.
 */
export type Role = 'gateway' | 'warp' | 'proxy-client' | 'proxy-server' | 'plain';

export type Bridge = {
  readonly name: string;
  /** The bridge's own address (the host's, and the containers' gateway); null when nothing is attached. */
  readonly address: Address | null;
  /** Network address with prefix, `10.0.0.0/24`; null with `address`. */
  readonly subnet: string | null;
  readonly mac: string;
  /** True when a policy steers a container's traffic, or one says its network_type: then no NORMAL and no MAC learning. */
  readonly chain: boolean;
};

/** A policy that says where all of a container's transit traffic goes. */
export type Steering = {
  readonly name: string;
  readonly table: number;
  readonly priority: number;
  readonly next: number | 'host' | null;
  /** Null: 0xbeef and the container's id. */
  readonly cookie: string | null;
  /** `flow_policies[2] "wireguard-to-warp"`. */
  readonly place: string;
};

export type Member = {
  readonly id: number;
  readonly name: string;
  readonly template: string;
  readonly autostart: boolean;
  readonly role: Role;
  readonly bridge: string;
  /** `socket`: an OVS internal port moved in under its own name; `veth`: an LXC veth pair, `eth0` inside. */
  readonly mode: 'socket' | 'veth';
  /** The OVS Port row (`wg-warp`), and the Interface and host device (`internal_101`). */
  readonly port: { readonly row: string; readonly device: string; readonly ofport: number };
  /** The device's name inside the container: `internal_101`, or `eth0` by veth. */
  readonly device: string;
  readonly mac: string;
  readonly address: Address;
  readonly gateway: string;
  /** Where its forward transit traffic goes by policy: a member's id, the host, nowhere (dropped). */
  readonly next: number | 'host' | null;
  /** Hops from the exit by policy: 0 for a member whose `next` is no member. The exit starts first and stops last. */
  readonly order: number;
  /** The only destination its transit traffic may have (egress pin); null: any. */
  readonly pin: { readonly protocol: 'tcp' | 'udp'; readonly to: Endpoint } | null;
  /** The policy that says so: the first that its packets meet. */
  readonly policy: Omit<Steering, 'next'> | null;
  /** Other policies that would steer it, in the order in which it would meet them. */
  readonly overridden: readonly Steering[];
  /** Whether it joins a Netmaker mesh: its own TCP and UDP leave by the uplink, and what joins runs inside. */
  readonly netmaker: boolean;
  /** Whether the file doesn't name it: it was found on the bridge, and nothing but flows is made for it. */
  readonly discovered: boolean;
  readonly wireguard: Readonly<Record<string, WireguardState>>;
  /** WARP with its endpoint resolved. */
  readonly warp: (WarpState & { readonly resolved: Endpoint }) | null;
  /** How its leg to the VPS, or to clients, is shaped; `warp` is the VPS's: where datagrams go. */
  readonly shaper: (ShaperState & { readonly warp: Endpoint | null }) | null;
  /** The proxy with the server's address resolved (null for a proxy server). */
  readonly xray: (XrayState & { readonly resolved: Endpoint | null }) | null;
};

/** A user's own flow, or a policy's for one container, checked: ports exist, prerequisites are there. */
export type UserFlow = {
  readonly bridge: string;
  readonly table: number;
  readonly priority: number;
  readonly match: string;
  /** As the switch prints them, but for meters: `meter:<name>`. */
  readonly actions: string;
  /** Where in the file: `flow_policies[2] "drop-dns"`, `bridges[0].flows[3]`. */
  readonly place: string;
  /** `0xbeef0064`; null: the flow's place among those of its bridge says it. */
  readonly cookie: string | null;
  /** Seconds; null: never. */
  readonly idleTimeout: number | null;
  readonly hardTimeout: number | null;
};

/** A limit that flows of the bridge share: a flow's actions name it, `meter:<name>`. */
export type Meter = {
  readonly bridge: string;
  readonly name: string;
  readonly rate: number;
  readonly unit: 'pps' | 'kbps';
  /** In the same unit; null: the switch's own. */
  readonly burst: number | null;
};

/** A port on one of our bridges that the file doesn't name and that isn't ours. */
export type Discovered = {
  readonly bridge: string;
  /** The OVS Port row, and the Interface and device. */
  readonly port: string;
  readonly device: string;
  readonly ofport: number;
  /** What the container behind it sends from, when that is known. */
  readonly mac: string | null;
};

/** A port the host lets in from its uplink, to a member. */
export type Published = {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** The member's address. */
  readonly to: string;
  /** `lan`: private source addresses only. */
  readonly from: 'lan' | 'anywhere';
};

export type Topology = {
  readonly level: number;
  readonly securityFlows: boolean;
  /** What WARP's packets are lengthened to beside its MTU, ascending; null: they stay as they are. And the gateways'. */
  readonly padding: { readonly warp: readonly number[] | null; readonly clients: readonly number[] | null };
  readonly bridges: readonly Bridge[];
  /** In the order of ids. */
  readonly members: readonly Member[];
  /** Members that the file doesn't name, for flows alone, in the order of ids. No `next` leads to one. */
  readonly discovered: readonly Member[];
  readonly flows: readonly UserFlow[];
  /** By bridge and name. */
  readonly meters: readonly Meter[];
  /** Ports let in from the uplink. */
  readonly published: readonly Published[];
  /** Addresses of the members whose traffic may leave by the uplink, masqueraded (the exits). */
  readonly exits: readonly { readonly ip: string; readonly pin: Member['pin'] }[];
  readonly units: readonly Unit[];
  readonly properties: readonly Property[];
};

/** A unit of the host's systemd, as far as the file declares it; null: left as it is. */
type Unit = {
  readonly name: string;
  readonly enabled: boolean | null;
  readonly active: boolean | null;
  readonly masked: boolean | null;
  /** Name → content. */
  readonly dropIns: Readonly<Record<string, string>>;
};

/** A property of an object on the system bus. */
type Property = {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly property: string;
  /** JSON as in the file. */
  readonly value: unknown;
};

/** What the machine is, as far as the wanted resources depend on it. Gathered by the engine, before planning. */
export type Facts = {
  /** The default route's interface; null when there is none. */
  readonly uplink: string | null;
  /** Whether the host forwarded IPv4 before op-dbus asked it to; if not, it forwards for our bridges alone. */
  readonly forwards: boolean;
  /** Whether the kernel has the openvswitch datapath. */
  readonly datapath: 'system' | 'netdev';
  /** Name servers for containers that ask for names themselves (the VPS's proxy). */
  readonly nameservers: readonly string[];
  /** The proxy program that the containers run: the host's xray where it is installed, else the template's v2ray. */
  readonly proxy: { readonly program: 'xray'; readonly path: string } | { readonly program: 'v2ray' };
  /** What containers join a Netmaker mesh with: the host's netclient, and the token; null when none does. */
  readonly netmaker: { readonly client: string; readonly token: Fingerprint } | null;
  /** The shaper's program on the host; null when no container shapes. */
  readonly shaper: string | null;
  /** By what containers are made. */
  readonly backend: 'lxc' | 'pct';
  /** Containers that somebody else has made, also those whose networking is ours already. */
  readonly strangers: readonly { readonly id: number; readonly name: string; readonly running: boolean }[];
  /** Content that goes into a container, from the `files` folder beside the state: `name:/path` → what is there. */
  readonly files: Readonly<Record<string, FileFact>>;
};

/** A file of the `files` folder. Its content is remembered by the Secrets driver under its fingerprint. */
export type FileFact = {
  readonly fingerprint: string;
  /** For a PEM certificate: the SHA-256 of its DER form, 64 hexadecimal digits; else null. */
  readonly certificate: string | null;
};

export type Expand<S> = (topology: Topology, facts: Facts) => readonly Resource<S>[];
