// The state file's shape, key for key as the specification spells it; what the specification lacks is marked "extension".
// Rules that need more than one value (duplicates, subnets, ports that must exist) are in problem.ts.

import { z } from 'zod';

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected a name of small letters, digits and -, like xray-client');
const device = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,14}$/, 'expected an interface name of at most 15 letters, digits, _ or -');
const port = z.int().min(1).max(65535);

/** `network` of a container. `veth: false` with `wg_tunnel` or `socket_networking` is an OVS internal port moved into it. */
const network = z.strictObject({
  bridge: device.default('ovsbr0'),
  veth: z.boolean().default(false),
  socket_networking: z.boolean().default(false),
  wg_tunnel: z.boolean().default(false),
  port_name: device.optional(),
  ipv4: z.string(),
  public_ip: z.string().optional(),
});

const peer = z.strictObject({
  public_key: z.string(),
  allowed_ips: z.array(z.string()).min(1),
  /** extension */ endpoint: z.string().optional(),
  /** extension */ persistent_keepalive: z.int().min(0).max(65535).optional(),
  /** extension: a path inside the container */ preshared_key_file: z.string().optional(),
});

/** A WireGuard interface that clients connect to. */
const wireguard = z.strictObject({
  address: z.string(),
  listen_port: port,
  private_key_file: z.string(),
  peers: z.array(peer),
  /** extension */ mtu: z.int().min(576).max(9000).optional(),
});

/** The WARP tunnel, a wg-quick interface. */
const warp = z.strictObject({
  interface: device,
  address: z.string(),
  private_key_file: z.string(),
  endpoint: z.string(),
  public_key: z.string(),
  /** Read and dropped with a note: a layer-3 device is no switch port, and a container has no business in OVSDB. */
  post_up: z.string().optional(),
  /** extension */ mtu: z.int().min(576).max(9000).optional(),
});

const vmessClient = z.strictObject({ id: z.string(), alterId: z.literal(0).default(0) });

const inboundSocks = z.strictObject({ port, protocol: z.literal('socks') });

const inboundVmess = z.strictObject({
  port,
  protocol: z.literal('vmess'),
  settings: z.strictObject({ clients: z.array(vmessClient).min(1) }),
  streamSettings: z.strictObject({
    network: z.literal('tcp'),
    security: z.literal('tls'),
    tlsSettings: z.strictObject({
      certificates: z.array(z.strictObject({ certificateFile: z.string(), keyFile: z.string() })).min(1),
    }),
  }),
});

const outboundVmess = z.strictObject({
  protocol: z.literal('vmess'),
  server: z.string(),
  port,
  id: z.string(),
  alterId: z.literal(0).default(0),
  security: z.enum(['auto', 'aes-128-gcm', 'chacha20-poly1305']).default('auto'),
  /** extension: the name in the server's certificate; the server's address unless told. */
  server_name: z.string().optional(),
  /** extension: the server's certificate to pin, a path inside the container (put there from the files folder). */
  certificate_file: z.string().optional(),
});

const outboundFreedom = z.strictObject({ protocol: z.literal('freedom') });

const xray = z.strictObject({
  inbound: z.discriminatedUnion('protocol', [inboundSocks, inboundVmess]),
  outbound: z.discriminatedUnion('protocol', [outboundVmess, outboundFreedom]),
});

const config = z.strictObject({
  wg0: wireguard.optional(),
  wg1: wireguard.optional(),
  wg2: wireguard.optional(),
  wg3: wireguard.optional(),
  'wg-quick': warp.optional(),
  xray: xray.optional(),
});

const container = z.strictObject({
  id: z.int().min(100, 'expected an id from 100 to 65000').max(65000, 'expected an id from 100 to 65000'),
  name,
  template: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/).optional(),
  autostart: z.boolean().default(true),
  network: network.optional(),
  services: z.array(z.string().regex(/^[A-Za-z0-9@._-]+$/)).default([]),
  config: config.default({}),
  properties: z
    .strictObject({ network_type: z.enum(['bridge', 'netmaker']).optional(), template: z.string().optional() })
    .optional(),
});

/** One action of a flow, as the specification writes it. Further ones come with the native OpenFlow client. */
const action = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('output'), port: device }),
  z.strictObject({ type: z.literal('normal') }),
  z.strictObject({ type: z.literal('drop') }),
]);

const policy = z.strictObject({
  name,
  /** `container:100`. Ranges, `*` and `port:` come with auto-discovery. */
  selector: z.string(),
  template: z.strictObject({
    table: z.int().min(0).max(253).default(10),
    priority: z.int().min(0).max(65535).default(1000),
    actions: z.array(action).min(1),
  }),
});

const flow = z.strictObject({
  table: z.int().min(0).max(253).default(10),
  priority: z.int().min(0).max(65535).default(1000),
  match_fields: z.record(z.string(), z.union([z.string(), z.int()])).default({}),
  actions: z.array(action).min(1),
});

const bridge = z.strictObject({
  name: device,
  flows: z.array(flow).default([]),
  socket_ports: z.array(z.strictObject({ name: device, container_id: z.string().regex(/^[0-9]+$/) })).default([]),
  /** extension: the bridge's own address with prefix; the subnet's first address unless told. */
  address: z.string().optional(),
});

const lxc = z.strictObject({
  container_profile: z.enum(['none', 'privacy-client', 'privacy-vps']).optional(),
  containers: z.array(container).default([]),
});

const openflow = z.strictObject({
  enable_security_flows: z.boolean().default(true),
  obfuscation_level: z.int().min(0).max(3).default(1),
  auto_discover_containers: z.boolean().default(false),
  flow_policies: z.array(policy).default([]),
  bridges: z.array(bridge).default([]),
});

export const plugins = z.strictObject({ lxc: lxc.optional(), openflow: openflow.optional() });

/** The second shape of the specification, which `init` writes. The first is `plugins` alone at top level. */
export const document = z.strictObject({ $schema: z.string().optional(), version: z.literal(1), plugins });

/** What the file says, with defaults filled in. */
export type State = z.output<typeof plugins>;
export type ContainerState = z.output<typeof container>;
export type BridgeState = z.output<typeof bridge>;
export type PolicyState = z.output<typeof policy>;
export type ActionState = z.output<typeof action>;
export type WireguardState = z.output<typeof wireguard>;
export type WarpState = z.output<typeof warp>;
export type XrayState = z.output<typeof xray>;
