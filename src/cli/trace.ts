// op-dbus trace --from CONTAINER --to ADDR[:PORT]: where the switch would send such a packet now, flow by flow.

import { isIPv4 } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import { lastApplied } from '../engine/applied.ts';
import { expected } from '../engine/expected.ts';
import { type Hop, type Protocol, type Question, trace } from '../engine/trace.ts';
import { OpError } from '../error.ts';
import { onThisHost } from './host.ts';
import { json, out } from './output.ts';

type Target = { readonly ip: string; readonly port: number | null };
type Options = {
  readonly from: string;
  readonly to: Target;
  readonly tcp?: boolean;
  readonly udp?: boolean;
  readonly icmp?: boolean;
  readonly json?: boolean;
};

export function traceCommand(program: Command): void {
  program
    .command('trace')
    .description('show where the switch would send a packet now, and which flows take it; exit status 2: nowhere')
    .requiredOption('--from <container>', 'name or id')
    .requiredOption('--to <address[:port]>', 'an IPv4 address', target)
    .option('--tcp', 'a TCP connection (with a port, unless told)')
    .option('--udp', 'a UDP packet')
    .option('--icmp', 'a ping (without a port, unless told)')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const question = asked(options);
      process.exitCode = await onThisHost(async (host) => {
        const { topology } = await expected(host, await lastApplied(host));
        const hops = await trace(host, topology, options.from, question);
        const arrives = hops.at(-1)?.to !== null;
        if (options.json) json({ arrives, hops });
        else for (const hop of hops) tell(hop);
        return arrives ? 0 : 2;
      });
    });
}

function target(text: string): Target {
  const [, ip = '', port] = /^([0-9.]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (!isIPv4(ip) || Number(port ?? 1) < 1 || Number(port ?? 1) > 65535)
    throw new InvalidArgumentError('expected an IPv4 address, and perhaps a port: 1.1.1.1 or 1.1.1.1:443');
  return { ip, port: port === undefined ? null : Number(port) };
}

function asked({ to: { ip, port }, ...options }: Options): Question {
  const named = (['tcp', 'udp', 'icmp'] as const).filter((protocol) => options[protocol] === true);
  if (named.length > 1)
    throw new OpError('usage', 'a packet has one protocol', { at: named.map((name) => `--${name}`).join(' ') });
  const protocol: Protocol = named[0] ?? (port === null ? 'icmp' : 'tcp');
  if (protocol === 'icmp' && port !== null)
    throw new OpError('usage', 'a ping has no port', { at: '--icmp', hint: `Say --to ${ip}` });
  if (protocol !== 'icmp' && port === null)
    throw new OpError('usage', `expected a port for ${protocol}`, { at: '--to', hint: `Like --to ${ip}:443` });
  return { protocol, to: ip, port };
}

function tell({ from, bridge, packet, steps, to }: Hop): void {
  const port = packet.port === null ? '' : `:${packet.port}`;
  out(`${from} sends ${packet.protocol} ${packet.source} → ${packet.to}${port} into ${bridge}`);
  for (const { table, priority, match, cookie, actions, why } of steps) {
    out(`  table ${table}: ${why ?? 'a flow that the state file does not ask for'}`);
    out(`    cookie=${cookie}, priority=${priority}${match === '' ? '' : `,${match}`} actions=${actions.join(',')}`);
  }
  out(to === null ? '  ⇒ dropped' : `  ⇒ ${to}`);
}
