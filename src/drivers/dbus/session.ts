// One connection to a bus: calls and their replies, signals, names, and what others ask of our objects.

import { OpError } from '../../error.ts';
import {
  type Bus,
  type Call,
  type Match,
  type Place,
  refusalOf,
  type Signal,
  textOf,
  type Value,
  type Variant,
} from './contract.ts';
import { readIntrospection } from './introspect.ts';
import { objects } from './service.ts';
import { mismatch } from './value.ts';
import { CALL, ERROR, type Message, RETURN, SIGNAL, type Wire } from './wire.ts';

const bus: Place = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
};
const properties = 'org.freedesktop.DBus.Properties';

/** libdbus's own. */
const DEADLINE = 25_000;

type Pending = { readonly resolve: (reply: Message) => void; readonly reject: (error: unknown) => void };
/** `told`: the bus has said who owns the name since we listen. */
type Listener = { readonly match: Match; owner: string | null; told: boolean; readonly on: (signal: Signal) => void };

/** Says hello on a fresh wire. @throws as `call`. */
export async function session(wire: Wire): Promise<Bus> {
  const pending = new Map<number, Pending>();
  const listeners = new Set<Listener>();
  let serial = 0;
  let over: OpError | null = null;

  const send = (message: Omit<Message, 'serial'>): number => {
    if (over !== null) throw over;
    serial = serial === 0xffff_ffff ? 1 : serial + 1;
    wire.send({ ...message, serial });
    return serial;
  };

  const ended = wire.ended.then((why) => {
    over = why ?? new OpError('host', 'the connection to the message bus is closed');
    for (const { reject } of pending.values()) reject(over);
    pending.clear();
    return why;
  });

  const call = async ({ reply: wanted = '', ...asked }: Call): Promise<readonly Value[]> => {
    const { destination, path, interface: name, member, signature = '', args = [], deadline = DEADLINE } = asked;
    const title = `${name}.${member}`;
    const why = mismatch(signature, args);
    if (why !== null) throw new OpError('internal', `${title}: ${why}`);
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const number = send({ type: CALL, destination, path, interface: name, member, signature, body: args });
    pending.set(number, { resolve, reject });
    const timer = setTimeout(
      () => reject(new OpError('timeout', `${title}: ${destination} has not answered within ${deadline / 1000} s`)),
      deadline,
    );
    try {
      const reply = await promise;
      if (reply.type === ERROR) throw answered(title, reply);
      if ((reply.signature ?? '') === wanted) return reply.body ?? [];
      throw new OpError('protocol', `${title}: expected a reply of type "${wanted}", not "${reply.signature ?? ''}"`);
    } finally {
      clearTimeout(timer);
      pending.delete(number);
    }
  };

  const ask = (member: string, args: readonly string[], reply: string): Promise<readonly Value[]> =>
    call({ ...bus, member, signature: 's'.repeat(args.length), args, reply });

  const served = objects(send, async (name) => (await ask('GetConnectionUnixUser', [name], 'u'))[0] as number);

  wire.receive((message) => {
    if (message.type === RETURN || message.type === ERROR) pending.get(message.replySerial ?? 0)?.resolve(message);
    else if (message.type === CALL) served.answer(message);
    else if (message.type === SIGNAL) deliver(message);
  });

  const deliver = (message: Message): void => {
    const signal: Signal = {
      sender: message.sender ?? '',
      path: message.path ?? '',
      interface: message.interface ?? '',
      member: message.member ?? '',
      signature: message.signature ?? '',
      args: message.body ?? [],
    };
    if (signal.sender === bus.destination && signal.member === 'NameOwnerChanged') {
      const [name, , owner] = signal.args as readonly string[];
      for (const one of listeners)
        if (one.match.sender === name) {
          one.owner = owner || null;
          one.told = true;
        }
      served.forget(textOf(name));
    }
    for (const listener of listeners) if (fits(listener, signal)) listener.on(signal);
  };

  const listen = async (match: Match, on: (signal: Signal) => void): Promise<() => Promise<void>> => {
    const { sender } = match;
    const named = sender !== undefined && !sender.startsWith(':') && sender !== bus.destination;
    const rules = [rule(match), ...(named ? [ownerRule(sender)] : [])];
    const listener: Listener = { match, owner: named ? null : (sender ?? null), told: false, on };
    for (const one of rules) await ask('AddMatch', [one], '');
    listeners.add(listener);
    const found = named ? await owner(sender) : null;
    if (named && !listener.told) listener.owner = found;
    return async () => {
      if (listeners.delete(listener) && over === null) for (const one of rules) await ask('RemoveMatch', [one], '');
    };
  };

  const owner = async (name: string): Promise<string | null> => {
    try {
      return textOf((await ask('GetNameOwner', [name], 's'))[0]);
    } catch (error) {
      if (refusalOf(error) === 'org.freedesktop.DBus.Error.NameHasNoOwner') return null;
      throw error;
    }
  };

  const request = async (name: string): Promise<void> => {
    // DO_NOT_QUEUE; 1 is "primary owner", 4 "already ours".
    const [code] = await call({ ...bus, member: 'RequestName', signature: 'su', args: [name, 4], reply: 'u' });
    if (code !== 1 && code !== 4)
      throw new OpError('foreign', `${name} is taken on the message bus`, {
        hint: `See who has it: busctl status ${name}`,
      });
  };

  const [name] = await call({ ...bus, member: 'Hello', reply: 's' });
  // Whose uid is known by a name that is gone is forgotten with it.
  await ask('AddMatch', ["type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''"], '');
  return {
    name: textOf(name),
    call,
    get: async ({ interface: of, ...place }, property, deadline = DEADLINE) => {
      const args = { signature: 'ss', args: [of, property], reply: 'v', deadline };
      return (await call({ ...place, interface: properties, member: 'Get', ...args }))[0] as Variant;
    },
    set: async ({ interface: of, ...place }, property, value, deadline = DEADLINE) => {
      const args = { signature: 'ssv', args: [of, property, value], deadline };
      await call({ ...place, interface: properties, member: 'Set', ...args });
    },
    introspect: async (destination, path, deadline = DEADLINE) => {
      const place = { destination, path, interface: 'org.freedesktop.DBus.Introspectable' };
      return readIntrospection(textOf((await call({ ...place, member: 'Introspect', reply: 's', deadline }))[0]));
    },
    listen,
    user: served.user,
    request,
    release: async (own) =>
      void (await call({ ...bus, member: 'ReleaseName', signature: 's', args: [own], reply: 'u' })),
    export: served.add,
    manage: served.manage,
    ended,
    close: async () => {
      wire.end();
      await ended;
    },
  };
}

function fits({ match, owner }: Listener, signal: Signal): boolean {
  const same = (['path', 'interface', 'member'] as const).every((key) => (match[key] ?? signal[key]) === signal[key]);
  return same && (match.sender === undefined || owner === signal.sender);
}

function rule(match: Match): string {
  const parts = Object.entries(match).map(([key, value]) => `,${key}='${value}'`);
  return `type='signal'${parts.join('')}`;
}

function ownerRule(name: string): string {
  return `type='signal',sender='${bus.destination}',member='NameOwnerChanged',arg0='${name}'`;
}

function answered(title: string, { errorName = '', body = [] }: Message): OpError {
  const said = typeof body[0] === 'string' && body[0] !== '' ? body[0] : errorName;
  return new OpError('host', `${title}: ${said}`, { cause: { refusal: errorName } });
}
