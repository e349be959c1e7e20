// The Open vSwitch database over its unix socket: one connection, few round trips (RFC 7047; ovs-vswitchd.conf.db(5)).

import { OpError } from '../../error.ts';
import type { Watch } from '../watch.ts';
import { optionalNumber, rows } from './column.ts';
import { type Connection, DATABASE, dial } from './connection.ts';
import type { Ovsdb, Step } from './contract.ts';
import { monitored, type Progress, seen, troubles, unseen } from './progress.ts';
import { type Operation, type Snapshot, selects, snapshot } from './rows.ts';
import { type Outcome, outcome, type Put, transaction } from './transaction.ts';
import { watchRows } from './watch.ts';

export type OvsdbOptions = {
  /** Milliseconds for an answer of the database, and for the switch to take what it was told. 10,000 unless told. */
  readonly deadline?: number;
  /** Milliseconds that an interface's error may remain before it counts. 10,000 unless told. */
  readonly patience?: number;
};

type Limits = Required<OvsdbOptions>;

/**
 * The database at the unix socket `path`. It connects at the first use, and again when the connection was lost; an idle
 * connection doesn't keep the process alive.
 */
export function connectOvsdb(path: string, { deadline = 10_000, patience = 10_000 }: OvsdbOptions = {}): Ovsdb {
  const limits = { deadline, patience };
  const session: Session = { path, link: null, live: null, watches: new Set(), closed: false };
  return {
    reach: async () => void (await connected(session)),
    bridges: async () => (await look(await connected(session), deadline)).bridges,
    transact: async (steps, comment) => {
      if (steps.length > 0) await carryOut(await connected(session), limits, steps, comment);
    },
    watch: (changed) => watch(session, deadline, changed),
    close: async () => {
      session.closed = true;
      await Promise.all([...session.watches].map((one) => one.close()));
      const link = await session.link?.catch(() => null);
      await link?.connection.close();
    },
  };
}

type Session = {
  readonly path: string;
  link: Promise<Link> | null;
  /** What `link` has resolved to. */
  live: Link | null;
  readonly watches: Set<Watch>;
  closed: boolean;
};

/** A connection and what its monitor has told; `monitoring` is null until the first transaction needs it. */
type Link = { readonly connection: Connection; progress: Progress; monitoring: Promise<unknown> | null };

/** How often a transaction is made anew because somebody else's came between. */
const ATTEMPTS = 5;

async function connected(session: Session): Promise<Link> {
  unclosed(session);
  if (session.live?.connection.dead === true) {
    session.link = null;
    session.live = null;
  }
  session.link ??= open(session);
  return session.link;
}

function unclosed({ closed }: Session): void {
  if (closed) throw new OpError('internal', 'the database was used after it was closed');
}

async function watch(session: Session, deadline: number, changed: () => void): Promise<Watch> {
  unclosed(session);
  const watch = await watchRows(session.path, deadline, changed);
  session.watches.add(watch);
  void watch.ended.then(() => session.watches.delete(watch));
  if (session.closed) await watch.close();
  return watch;
}

async function open(session: Session): Promise<Link> {
  try {
    const connection = await dial(session.path, (updates) => {
      link.progress = seen(link.progress, updates);
    });
    const link: Link = { connection, progress: unseen, monitoring: null };
    session.live = link;
    return link;
  } catch (error) {
    session.link = null;
    throw error;
  }
}

async function look({ connection }: Link, deadline: number): Promise<Snapshot> {
  const answer = await transact(connection, deadline, selects);
  if (!answer.ok) throw new OpError('protocol', `reading the switch database: ${answer.reason}`);
  return snapshot(answer.results);
}

/** The monitor's first reply is taken before any update that follows it in the stream. */
async function monitor(link: Link, deadline: number): Promise<void> {
  link.monitoring ??= link.connection.request('monitor', [DATABASE, 'op-dbus', monitored], deadline, (reply) => {
    link.progress = seen(link.progress, reply);
  });
  await link.monitoring;
}

async function carryOut(link: Link, limits: Limits, steps: readonly Step[], comment: string): Promise<void> {
  const { deadline } = limits;
  for (let attempt = 1; ; attempt++) {
    const [found] = await Promise.all([look(link, deadline), monitor(link, deadline)]);
    const { operations, interfaces } = transaction(found, steps, comment);
    if (operations.length === 0) return;
    const answer = await transact(link.connection, deadline, operations);
    if (answer.ok) return settle(link, limits, nextCfg(answer.results[operations.length - 1]), interfaces);
    if (!answer.stale || attempt === ATTEMPTS)
      throw new OpError('protocol', `the switch database refused "${comment}": ${answer.reason}`);
  }
}

/** Waits until ovs-vswitchd has taken the configuration `target`, and then until what was put has no error. */
async function settle(link: Link, limits: Limits, target: number, puts: readonly Put[]): Promise<void> {
  const { deadline, patience } = limits;
  if (!(await until(link, deadline, () => link.progress.curCfg >= target)))
    throw new OpError('timeout', `ovs-vswitchd did not take the new configuration within ${deadline / 1000} s`, {
      hint: 'See whether it runs: systemctl status ovs-vswitchd; its log is in /var/log/openvswitch.',
    });
  if (!(await until(link, patience, () => troubles(link.progress, puts).length === 0)))
    throw new OpError('host', `the switch could not make ${troubles(link.progress, puts).join('; ')}`, {
      hint: 'ovs-vsctl show and /var/log/openvswitch/ovs-vswitchd.log say more.',
    });
}

async function until({ connection }: Link, deadline: number, done: () => boolean): Promise<boolean> {
  const end = Date.now() + deadline;
  while (!done()) if (!(await connection.updated(end - Date.now()))) return done();
  return true;
}

async function transact(connection: Connection, deadline: number, operations: readonly Operation[]): Promise<Outcome> {
  return outcome(await connection.request('transact', [DATABASE, ...operations], deadline), operations.length);
}

function nextCfg(result: unknown): number {
  const [root] = rows(result);
  if (root === undefined)
    throw new OpError('host', 'the switch database was never initialised', { hint: 'ovs-vsctl --no-wait init' });
  return optionalNumber(root, 'next_cfg') ?? 0;
}
