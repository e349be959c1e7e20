// The connectivity tests of each profile (Container Deployment Profiles, "Testing Container Connectivity"), on the live host.

import type { Change } from '../core/resource.ts';
import type { Member, Topology } from '../core/topology.ts';
import type { ExecResult } from '../drivers/exec.ts';
import type { Host } from '../drivers/host.ts';
import { because } from '../error.ts';
import { type Scene, scene } from '../kinds/flow/scene.ts';
import { chainFlows } from '../kinds/flow/user.ts';
import type { Check } from '../kinds/kind.ts';
import { verify } from './verify.ts';
import type { Wanted } from './want.ts';

/** What was asked of the host, what should come of it, what came, and, when that is something else, where to look. */
export type Row = {
  readonly what: string;
  readonly expected: string;
  readonly seen: string;
  readonly ok: boolean;
  readonly hint: string | null;
};

/**
 * Asks all side by side; sends pings and connections and changes nothing. First what is there and what each program carries,
 * then each step of the chain by itself, then what by design gets no answer. What can't be asked is a row that
 * failed. @throws as `observe`, when the host can't be looked at at all.
 */
export async function test(host: Host, { topology, resources }: Wanted): Promise<readonly Row[]> {
  const [{ drift, checks }, reached, closed, served] = await Promise.all([
    verify(host, resources),
    Promise.all(open(topology).map((ping) => row(host, ping))),
    Promise.all(shut(topology).map((ping) => row(host, ping))),
    Promise.all(servers(topology).map((member) => tls(host, member))),
  ]);
  const there = topology.bridges.flatMap(({ name }) => [bridge(name, drift), flows(name, resources, drift)]);
  return [...there, ...checks.map(checked), ...served, ...reached, ...closed];
}

function bridge(name: string, drift: readonly Change[]): Row {
  const found = drift.find((change) => change.kind === 'bridge' && change.name === name);
  const seen = found === undefined ? 'there' : found.before === null ? 'missing' : 'another one';
  return {
    ...{ what: `bridge ${name}`, expected: 'there', seen, ok: found === undefined },
    hint: found === undefined ? null : 'op-dbus apply FILE; by hand: ovs-vsctl show',
  };
}

function flows(name: string, resources: Wanted['resources'], drift: readonly Change[]): Row {
  const wanted = linesOf(resources.find((one) => one.kind === 'flow' && one.name === name)?.spec);
  const change = drift.find((one) => one.kind === 'flow' && one.name === name);
  const seen = change === undefined ? wanted : linesOf(change.before);
  const right = seen.filter((line) => wanted.includes(line)).length;
  const others = seen.length - right;
  const ok = wanted.length > 0 && right === wanted.length && others === 0;
  return {
    what: `flows of ${name}`,
    expected: `${wanted.length}`,
    seen: `${right}${others === 0 ? '' : ` and ${others} others`}`,
    ok,
    hint: ok ? null : `op-dbus diff FILE; by hand: ovs-ofctl dump-flows ${name}`,
  };
}

function linesOf(spec: unknown): readonly string[] {
  return (spec as { readonly flows?: readonly string[] } | null | undefined)?.flows ?? [];
}

/** `from` is a container. */
type Ping = {
  readonly from: string;
  /** The device by which it must leave, past any tunnel; null: as the routes say. */
  readonly by: string | null;
  readonly to: string;
  readonly name: string;
  readonly answered: boolean;
};

/** From each container to the next of the chain; from the host to each is asked by a check of `verify`. */
function open({ members }: Topology): readonly Ping[] {
  return members.flatMap((member) => {
    const next = members.find(({ id }) => id === member.next);
    return next === undefined ? [] : [ping(member.name, next, true)];
  });
}

/**
 * Backwards in the chain, past it, and to the Internet other than by what the pins allow: a ping is no pin's protocol.
 * What a flow of the file may carry a ping by is left out.
 */
function shut(topology: Topology): readonly Ping[] {
  const { members, bridges } = topology;
  const chains = new Set(bridges.filter(({ chain }) => chain).map(({ name }) => name));
  const led = bridges.filter(({ chain }) => chain).flatMap((bridge) => ledBy(scene(topology, bridge)));
  const bound = members.filter(({ bridge: name }) => chains.has(name));
  return bound.flatMap((member) => [
    ...bound.flatMap((other) =>
      other.id === member.id || other.id === member.next || led.includes(`${member.id} ${other.id}`)
        ? []
        : [ping(member.name, other, false)],
    ),
    ...(member.pin === null || led.includes(`${member.id} host`)
      ? []
      : [{ from: member.name, by: member.device, to: INTERNET, name: 'the Internet', answered: false }]),
  ]);
}

/** `105 106`, `101 host`: who gets pings of whom by a flow of the file. */
function ledBy(one: Scene): readonly string[] {
  return chainFlows(one).flatMap(({ rule, pair }) => {
    if (pair === null || /\b(tcp|udp|sctp)\b|nw_proto=(?!1\b)/.test(rule.match)) return [];
    return [`${pair.initiator.id} ${pair.responder === one.host ? 'host' : pair.responder.id}`];
  });
}

/** Answers everybody's ping. */
const INTERNET = '1.1.1.1';

function ping(from: string, { name, address }: Member, answered: boolean): Ping {
  return { from, by: null, to: address.ip, name, answered };
}

async function row(host: Host, { from, by, to, name, answered }: Ping): Promise<Row> {
  const argv = [
    'ping',
    '-n',
    '-c',
    '2',
    '-i',
    '0.2',
    '-W',
    answered ? '2' : '1',
    ...(by === null ? [] : ['-I', by]),
    to,
  ] as const;
  const result = await asked(() => host.containers.exec(from, argv));
  const got = / time=[\d.]+ ms/.exec(result.stdout)?.[0];
  // Status 1 is ping's own for no answer; with another it has not asked, and that proves nothing.
  const seen =
    got === undefined ? (result.code === 1 ? 'no answer' : `not asked: ${last(result.stderr)}`) : `answered,${got}`;
  const ok = answered ? got !== undefined : got === undefined && result.code === 1;
  return {
    what: `ping ${name} (${to}) from ${from}${by === null ? '' : ` by ${by}`}`,
    expected: answered ? 'an answer' : 'no answer: closed by design',
    seen,
    ok,
    hint: ok ? null : `op-dbus trace --from ${from} --to ${to} --icmp`,
  };
}

function servers({ members }: Topology): readonly Member[] {
  return members.filter(({ xray }) => xray?.inbound.protocol === 'vmess');
}

/** From the host, over the bridge: what somebody outside gets once the host has let him in. */
async function tls(host: Host, { name, address, xray }: Member): Promise<Row> {
  const at = `${address.ip}:${xray?.inbound.port}`;
  const argv = ['timeout', '5', 'openssl', 's_client', '-brief', '-connect', at, '-noservername'] as const;
  const result = await asked(() => host.exec(argv));
  const version = /^Protocol version: (\S+)/m.exec(result.stderr)?.[1];
  const ok = result.code === 0 && version !== undefined;
  return {
    what: `TLS to ${name} (${at}) from the host`,
    expected: 'a handshake',
    seen: ok ? version : last(result.stderr),
    ok,
    hint: ok ? null : `op-dbus exec ${name} -- journalctl -u xray -n 20`,
  };
}

async function asked(question: () => Promise<ExecResult>): Promise<ExecResult> {
  try {
    return await question();
  } catch (error) {
    return { code: -1, stdout: '', stderr: because(error) };
  }
}

/** A check of `verify` says in its name who is asked and what should be: `wireguard-gateway answers on ovsbr0`. */
function checked({ name, ok, detail, command }: Check): Row {
  const [, who = name, what = ''] = /^(the host|\S+?):? (.+)$/.exec(name) ?? [];
  const [seen = '', ...mend] = detail.split('\n');
  return {
    what: who,
    expected: what,
    seen,
    ok,
    hint: ok ? null : [...mend, command].join('; '),
  };
}

function last(text: string): string {
  return text.trim().split('\n').at(-1) || 'no answer';
}
