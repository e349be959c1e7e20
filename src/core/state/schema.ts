// The state file's shape, key for key as the specification spells it; what the specification lacks is marked "extension".
// The formats of values are in format.ts; rules that need more than one value (duplicates, subnets, …) are in rule/.

import * as z from 'zod';
import * as format from './format.ts';

const { address, device, endpoint, host, innerMtu, ip, key, mtu, name, path, port, uuid } = format;

/** `network` of a container. `veth: false` with `wg_tunnel` or `socket_networking` is an OVS internal port moved into it. */
const network = z.strictObject({
  /** The first bridge that is not `mesh` unless told, and `mesh` for network_type netmaker. */
  bridge: device.optional(),
  veth: z.boolean().default(false),
  /** True unless told, or unless one of the others is. */
  socket_networking: z.boolean().optional(),
  wg_tunnel: z.boolean().default(false),
  /** `internal_<id>`, or `veth<id>`, unless told. */
  port_name: device.optional(),
  ipv4: address,
  public_ip: ip.optional(),
});

const peer = z.strictObject({
  public_key: key,
  allowed_ips: z.array(format.network).min(1),
  /** extension */ endpoint: format.peerEndpoint.optional(),
  /** extension */ persistent_keepalive: z
    .int()
    .min(0)
    .max(65535)
    .optional()
    .meta({ description: 'seconds from 0 to 65535' }),
  /** extension: a path inside the container */ preshared_key_file: path.optional(),
});

/** A WireGuard interface that clients connect to. */
const wireguard = z.strictObject({
  address,
  listen_port: port,
  /** extension: whose packets reach the port: those from private addresses (RFC 1918, 6598, 3927), or everybody's. */
  listen_from: z.enum(['lan', 'anywhere']).default('lan'),
  private_key_file: path,
  peers: z.array(peer),
  /** extension */ mtu: mtu.optional(),
});

/** The WARP tunnel, a wg-quick interface. */
const warp = z.strictObject({
  interface: device,
  address,
  private_key_file: path,
  endpoint,
  public_key: key,
  /** Read and dropped with a note: a layer-3 device is no switch port, and a container has no business in OVSDB. */
  post_up: z.string().optional(),
  /** extension */ mtu: innerMtu.optional(),
});

const vmessClient = z.strictObject({ id: uuid, alterId: z.literal(0).default(0) });

const framesPerSecond = z.int().min(1).max(10_000).meta({ description: 'frames a second from 1 to 10000' });

const inboundSocks = z.strictObject({ port, protocol: z.literal('socks') });

const tls = z.strictObject({
  network: z.literal('tcp'),
  security: z.literal('tls'),
  tlsSettings: z.strictObject({
    certificates: z.array(z.strictObject({ certificateFile: path, keyFile: path })).min(1),
  }),
});

const inboundVmess = z.strictObject({
  port,
  protocol: z.literal('vmess'),
  settings: z.strictObject({ clients: z.array(vmessClient).min(1) }),
  streamSettings: tls,
});

/** extension: no certificate of one's own; who is no client is passed on to `target`, and sees that server's. */
const reality = z.strictObject({
  network: z.literal('tcp'),
  security: z.literal('reality'),
  realitySettings: z.strictObject({
    target: format.endpoint,
    serverNames: z.array(host).min(1),
    /** Our name for Xray's privateKey: the key itself is in the files folder. */
    privateKeyFile: path,
    shortIds: z.array(format.shortId).min(1),
  }),
});

/** Vision unless told: without it an observer finds the TLS inside the TLS more easily. */
const flowOf = z.enum(['xtls-rprx-vision', '']).default('xtls-rprx-vision');

/** extension */
const inboundVless = z.strictObject({
  port,
  protocol: z.literal('vless'),
  settings: z.strictObject({
    clients: z.array(z.strictObject({ id: uuid, flow: flowOf })).min(1),
    /** The web server that answers who is no client; one of our own in the same container unless told. */
    fallback: endpoint.optional(),
  }),
  streamSettings: z.discriminatedUnion('security', [tls, reality]),
});

const outboundVmess = z.strictObject({
  protocol: z.literal('vmess'),
  server: host,
  port,
  id: uuid,
  alterId: z.literal(0).default(0),
  security: z.enum(['auto', 'aes-128-gcm', 'chacha20-poly1305']).default('auto'),
  /** extension: the name in the server's certificate; the server's address unless told. */
  server_name: host.optional(),
  /**
   * extension: the server's certificate to pin, a path inside the container (put there from the files folder). Unless
   * told, /etc/xray/vps.pem if the files folder has it: that is worked out later, from the facts.
   */
  certificate_file: path.optional(),
});

/** extension */
const outboundVless = z.strictObject({
  protocol: z.literal('vless'),
  server: host,
  port,
  id: uuid,
  flow: flowOf,
  /** As for vmess; with `reality`, one of the server's `serverNames`. */
  server_name: host.optional(),
  certificate_file: path.optional(),
  /** The server proves itself by this key instead of a certificate. */
  reality: z.strictObject({ public_key: format.realityKey, short_id: format.shortId }).optional(),
});

const outboundFreedom = z.strictObject({ protocol: z.literal('freedom') });

/** extension: frames of one size at a rate that doesn't follow the traffic, between the client's proxy and the VPS (docs/shaping.md). */
const shaper = z.strictObject({
  /** `constant`: at its rates all the time; `on-demand`: in whole quanta while there is something to carry. */
  mode: z.enum(['constant', 'on-demand']),
  /** From the client to the VPS, and back. Every other segment is acknowledged: less than half the way back slows that. */
  up: framesPerSecond.default(600),
  down: framesPerSecond.default(1200),
  frame: z.int().min(600).max(2000).default(1316).meta({ description: 'bytes from 600 to 2000' }),
  quantum: z.int().min(1).max(60).default(1).meta({ description: 'seconds from 1 to 60' }),
  /** Both ways together; when they are used up nothing passes until the next month (UTC). 0: any number. */
  monthly_bytes: z.int().min(0).default(0).meta({ description: 'bytes a month; 0 is any number' }),
  /** The VPS's end: where WARP is. */
  endpoint: endpoint.optional(),
});

const xray = z.strictObject({
  inbound: z.discriminatedUnion('protocol', [inboundSocks, inboundVmess, inboundVless]),
  outbound: z.discriminatedUnion('protocol', [outboundVmess, outboundVless, outboundFreedom]),
  shaper: shaper.optional(),
});

const config = z.strictObject({
  wg0: wireguard.optional(),
  wg1: wireguard.optional(),
  wg2: wireguard.optional(),
  wg3: wireguard.optional(),
  'wg-quick': warp.optional(),
  xray: xray.optional(),
});

const id = z.int().min(100).max(65000).meta({ description: 'an id from 100 to 65000' });

const container = z.strictObject({
  id,
  name,
  template: format.template.optional(),
  autostart: z.boolean().default(true),
  /** Profile 4's short form leaves it out: then link.ts fills it in. */
  network: network.optional(),
  services: z.array(format.service).default([]),
  config: config.default({}),
  properties: z
    .strictObject({ network_type: z.enum(['bridge', 'netmaker']).optional(), template: format.template.optional() })
    .optional(),
});

const text = z.union([z.string(), z.int()]).meta({ description: 'a string or a whole number' });

/** The other tables, and the lowest and highest priority, are the pipeline's own (docs/pipeline.md). */
const table = z.int().min(10).max(19).default(10).meta({ description: 'a table from 10 to 19' });
const priority = z.int().min(1).max(65534).default(1000).meta({ description: 'a priority from 1 to 65534' });
const later = z.int().min(11).max(19).meta({ description: "a table from 11 to 19, above the flow's own" });
const seconds = z.int().min(1).max(65535).meta({ description: 'seconds from 1 to 65535' });

/** The actions of a flow, as the specification writes them; in a policy, `to` may hold variables. */
const actionOf = (to: z.ZodString) =>
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('output'), port: to }),
    z.strictObject({ type: z.literal('normal') }),
    z.strictObject({ type: z.literal('drop') }),
    z.strictObject({ type: z.literal('set_field'), field: z.string(), value: text }),
    z.strictObject({
      type: z.literal('load_register'),
      register: z.int().min(0).max(15).meta({ description: 'a register from 0 to 15' }),
      value: z.int().min(0).max(0xffffffff).meta({ description: 'a number of 32 bits' }),
    }),
    z.strictObject({ type: z.literal('resubmit'), table: later }),
    z.strictObject({
      type: z.literal('controller'),
      max_length: z.int().min(0).max(65535).default(65535).meta({ description: 'bytes from 0 to 65535' }),
    }),
    z.strictObject({
      type: z.literal('ct'),
      zone: z.int().min(1).max(65535).meta({ description: 'a zone from 1 to 65535, but not 44100' }),
      table: later.optional(),
      commit: z.boolean().default(false),
      nat: z.strictObject({ src: format.nat.optional(), dst: format.nat.optional() }).optional(),
    }),
    z.strictObject({ type: z.literal('meter'), meter: name }),
  ]);

/** Field → value, as ovs-fields(7) names them; a bare protocol has the value "": `{"tcp": "", "tp_dst": 80}`. */
const matchFields = z.record(z.string(), text).default({});

/** What a flow and a policy's template have in common. */
const flowKeys = {
  table,
  priority,
  match_fields: matchFields,
  /** extension: the flow goes when no packet came for so long; the next apply puts it back. */
  idle_timeout: seconds.optional(),
  /** extension: the flow goes after so long. */
  hard_timeout: seconds.optional(),
  /** extension: whose the flow is; given by op-dbus unless told. */
  cookie: format.cookie.optional(),
};

const policy = z.strictObject({
  name,
  selector: format.selector,
  template: z.strictObject({ ...flowKeys, actions: z.array(actionOf(format.target)).min(1) }),
});

const flow = z.strictObject({ ...flowKeys, actions: z.array(actionOf(device)).min(1) });

/** extension: a limit that flows of the bridge share, by the action `meter`. */
const meter = z.strictObject({
  name,
  rate: z.int().min(1).max(0xffffffff).meta({ description: 'units from 1 to 4294967295' }),
  unit: z.enum(['pps', 'kbps']),
  burst: z.int().min(1).max(0xffffffff).optional().meta({ description: 'units from 1 to 4294967295' }),
});

const socketPort = z.strictObject({
  name: device,
  container_id: z
    .string()
    .regex(/^[1-9][0-9]{0,9}$/)
    .meta({ description: 'a container\'s id as a string, like "100"' }),
});

const bridge = z.strictObject({
  name: device,
  flows: z.array(flow).default([]),
  socket_ports: z.array(socketPort).default([]),
  /** extension */ meters: z.array(meter).default([]),
  /** extension: the bridge's own address with prefix; the subnet's first address unless told. */
  address: address.optional(),
});

const lxc = z.strictObject({
  container_profile: z.enum(['none', 'privacy-client', 'privacy-vps']).optional(),
  containers: z.array(container).default([]),
});

/** Small enough to be a class of its own, and what WireGuard itself lengthens to. */
const padded = z
  .int()
  .min(64)
  .max(8960)
  .multipleOf(16)
  .meta({ description: 'a multiple of 16 bytes from 64 to 8960, smaller than the MTU' });

/** extension: how levels 2 and 3 obfuscate. */
const obfuscation = z.strictObject({
  /** To what size packets are lengthened inside WARP: its MTU, or the next of these sizes or its MTU; false: not at all. */
  padding: z.union([z.literal('constant'), z.literal(false), z.array(padded).min(1).max(6)]).default('constant'),
  /** Whether what a gateway sends to its WireGuard clients is lengthened too. */
  pad_clients: z.boolean().default(false),
});

const openflow = z.strictObject({
  enable_security_flows: z.boolean().default(true),
  obfuscation_level: z.int().min(0).max(3).default(1).meta({ description: 'a level from 0 to 3' }),
  obfuscation: obfuscation.prefault({}),
  auto_discover_containers: z.boolean().default(false),
  flow_policies: z.array(policy).default([]),
  /** One ovsbr0 unless told, when there are containers. */
  bridges: z.array(bridge).optional(),
});

/** extension: a unit of the host's systemd; only what is declared is kept. */
const unit = z.strictObject({
  enabled: z.boolean().optional(),
  active: z.boolean().optional(),
  masked: z.boolean().optional(),
  /** Name → content, a file that ends in .conf in UNIT.d. */
  drop_ins: z.record(z.string(), z.string()).optional(),
});

const systemd = z.strictObject({ units: z.record(z.string(), unit).default({}) });

/** extension: properties of any object on the system bus. */
const object = z.strictObject({
  bus: z.literal('system').default('system'),
  destination: format.busName,
  path: format.objectPath,
  interface: format.interfaceName,
  /** Name → value as JSON; its type is the one that the property has, which only the host knows. */
  properties: z.record(z.string(), z.unknown().meta({ description: "a value of the property's type" })),
});

const dbus = z.strictObject({ objects: z.array(object).default([]) });

const plugins = z.strictObject({
  lxc: lxc.prefault({}),
  openflow: openflow.prefault({}),
  systemd: systemd.prefault({}),
  dbus: dbus.prefault({}),
});

/** The first shape of the specification: `plugins` alone at top level. */
export const bare = plugins.extend({ $schema: z.string().optional() });

/** The second shape of the specification, which `init` writes. */
export const document = z.strictObject({ $schema: z.string().optional(), version: z.literal(1), plugins });

/** What a file of either shape may hold below `plugins`, before defaults. */
export type Input = z.input<typeof plugins>;
/** What the file says with the schema's defaults; link.ts fills in the rest. */
export type Output = z.output<typeof plugins>;

/** What the file says, with defaults filled in. */
export type State = {
  readonly lxc: Omit<Output['lxc'], 'containers'> & { readonly containers: readonly ContainerState[] };
  readonly openflow: Omit<Output['openflow'], 'bridges'> & { readonly bridges: readonly BridgeState[] };
  readonly systemd: Output['systemd'];
  readonly dbus: Output['dbus'];
};
export type ContainerState = Omit<z.output<typeof container>, 'network'> & { readonly network: NetworkState };
type NetworkState = z.output<typeof network> & {
  readonly bridge: string;
  readonly socket_networking: boolean;
  readonly port_name: string;
};
export type BridgeState = z.output<typeof bridge>;
export type WireguardState = z.output<typeof wireguard>;
export type WarpState = z.output<typeof warp>;
export type ShaperState = z.output<typeof shaper>;
export type XrayState = z.output<typeof xray>;
