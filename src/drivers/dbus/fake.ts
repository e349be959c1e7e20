// A message bus in memory: it routes between the connections that are made to it, as dbus-daemon(1) does.

import { OpError } from '../../error.ts';
import { type Bus, type DBus, textOf, type Value } from './contract.ts';
import { session } from './session.ts';
import { CALL, ERROR, type Message, RETURN, SIGNAL, type Wire } from './wire.ts';

export type FakeDBus = DBus & {
  /** Another connection, of somebody with that uid. */
  readonly connect: (uid?: number) => Promise<Bus>;
  /** How often `system` has connected. */
  readonly connections: () => number;
  /** The bus goes away. */
  readonly stop: () => void;
};

type Peer = {
  readonly name: string;
  readonly uid: number;
  readonly rules: string[];
  readonly deliver: (message: Message) => void;
  readonly end: (why: OpError | null) => void;
};

const BUS = 'org.freedesktop.DBus';

/** `serve` puts services on it, before `system` connects. */
export function fakeDBus(serve?: (bus: Bus) => Promise<void>): FakeDBus {
  const peers = new Map<string, Peer>();
  const owners = new Map<string, Peer>();
  let next = 0;
  let own: Promise<Bus> | null = null;
  let count = 0;

  const find = (name: string): Peer | undefined => peers.get(name) ?? owners.get(name);

  const broadcast = (signal: Message): void => {
    for (const peer of peers.values())
      if (
        signal.destination === peer.name ||
        (signal.destination === undefined && peer.rules.some((rule) => obeys(rule, signal)))
      )
        peer.deliver(signal);
  };

  const hand = (name: string, to: Peer | null): void => {
    const before = owners.get(name) ?? peers.get(name);
    if (to === null) owners.delete(name);
    else if (!name.startsWith(':')) owners.set(name, to);
    const body = [name, before?.name ?? '', to?.name ?? ''];
    const member = { path: '/org/freedesktop/DBus', interface: BUS, member: 'NameOwnerChanged' };
    broadcast({ type: SIGNAL, serial: 1, sender: BUS, ...member, signature: 'sss', body });
  };

  const commands: Readonly<Record<string, (peer: Peer, args: readonly Value[]) => readonly [string, ...Value[]]>> = {
    Hello: (peer) => ['s', peer.name],
    AddMatch: (peer, [rule]) => (peer.rules.push(textOf(rule)), ['']),
    RemoveMatch: (peer, [rule]) => (peer.rules.splice(peer.rules.indexOf(textOf(rule)), 1), ['']),
    NameHasOwner: (_, [name]) => ['b', find(textOf(name)) !== undefined],
    GetNameOwner: (_, [name]) => ['s', known(textOf(name)).name],
    GetConnectionUnixUser: (_, [name]) => ['u', known(textOf(name)).uid],
    RequestName: (peer, [name]) => {
      const owner = owners.get(textOf(name));
      if (owner !== undefined) return ['u', owner === peer ? 4 : 3];
      hand(textOf(name), peer);
      return ['u', 1];
    },
    ReleaseName: (peer, [name]) => {
      if (owners.get(textOf(name)) !== peer) return ['u', owners.has(textOf(name)) ? 3 : 2];
      hand(textOf(name), null);
      return ['u', 1];
    },
  };

  const known = (name: string): Peer => {
    const peer = find(name);
    if (peer === undefined) throw new OpError('host', `Could not get owner of name '${name}': no such name`);
    return peer;
  };

  const route = (from: Peer, message: Message): void => {
    const { destination, serial } = message;
    if (message.type === SIGNAL) return broadcast(message);
    const back = { type: ERROR, serial: 1, sender: BUS, replySerial: serial, signature: 's' };
    if (destination !== BUS) {
      const to = find(destination ?? '');
      if (to !== undefined) return to.deliver(message);
      if (message.type !== CALL) return;
      const body = [`The name ${destination} was not provided by any .service files`];
      return from.deliver({ ...back, errorName: `${BUS}.Error.ServiceUnknown`, body });
    }
    const command = commands[message.member ?? ''];
    if (command === undefined)
      return from.deliver({ ...back, errorName: `${BUS}.Error.UnknownMethod`, body: ['no such method'] });
    try {
      const [signature, ...body] = command(from, message.body ?? []);
      from.deliver({ type: RETURN, serial: 1, sender: BUS, replySerial: serial, signature, body });
    } catch (error) {
      const body = [error instanceof Error ? error.message : ''];
      from.deliver({ ...back, errorName: `${BUS}.Error.NameHasNoOwner`, body });
    }
  };

  const wire = (uid: number): Wire => {
    const { promise: ended, resolve } = Promise.withResolvers<OpError | null>();
    let receive: (message: Message) => void = () => {};
    next += 1;
    const peer: Peer = {
      name: `:1.${next}`,
      uid,
      rules: [],
      // Nothing arrives while the sender is still at work, as over a socket.
      deliver: (message) => queueMicrotask(() => receive(structuredClone(message))),
      end: (why) => {
        if (!peers.delete(peer.name)) return;
        for (const [name, owner] of owners) if (owner === peer) hand(name, null);
        broadcast({
          ...{ type: SIGNAL, serial: 1, sender: BUS, path: '/org/freedesktop/DBus', interface: BUS },
          ...{ member: 'NameOwnerChanged', signature: 'sss', body: [peer.name, peer.name, ''] },
        });
        resolve(why);
      },
    };
    peers.set(peer.name, peer);
    return {
      send: (message) => {
        if (peers.has(peer.name)) route(peer, structuredClone({ ...message, sender: peer.name }));
      },
      receive: (on) => {
        receive = on;
      },
      ended,
      end: () => peer.end(null),
    };
  };

  let served: Promise<void> | undefined;
  const start = async (): Promise<void> => {
    if (serve !== undefined) served ??= session(wire(0)).then(serve);
    await served;
  };

  return {
    connect: (uid = 0) => session(wire(uid)),
    system: () => {
      if (own !== null) return own;
      count += 1;
      own = start().then(() => session(wire(0)));
      return own;
    },
    connections: () => count,
    close: async () => {
      const last = own;
      own = null;
      await (await last)?.close();
    },
    stop: () => {
      for (const peer of [...peers.values()]) peer.end(new OpError('host', 'the message bus is gone'));
    },
  };
}

/** Whether a signal is what the match rule asks for. */
function obeys(rule: string, signal: Message): boolean {
  return [...rule.matchAll(/([a-z0-9]+)='([^']*)'/g)].every(([, key = '', value = '']) => {
    if (key === 'type') return value === 'signal';
    // A well-known name is told apart by the session.
    if (key === 'sender') return !value.startsWith(':') || signal.sender === value;
    if (key.startsWith('arg')) return signal.body?.[Number(key.slice(3))] === value;
    return signal[key as 'path' | 'interface' | 'member'] === value;
  });
}
