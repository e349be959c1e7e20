// A message bus: calls, properties and signals of others, and objects of our own (D-Bus Specification 0.43).

import { OpError } from '../../error.ts';

/**
 * A value, typed by a signature that stands beside it: y n q i u h d are numbers, x t bigints (exact), b booleans, s o g
 * strings, v a Variant, structs and arrays lists, dicts whose keys are strings records, other dicts lists of pairs.
 */
export type Value = string | number | bigint | boolean | Variant | readonly Value[] | { readonly [key: string]: Value };

/** A value with the signature of its one complete type. */
export type Variant = { readonly signature: string; readonly value: Value };

export type Place = { readonly destination: string; readonly path: string; readonly interface: string };

export type Call = Place & {
  readonly member: string;
  /** Of the arguments; none unless told. */
  readonly signature?: string;
  readonly args?: readonly Value[];
  /** The signature that the reply must have; none unless told. */
  readonly reply?: string;
  /** Milliseconds until it is given up; 25,000 unless told. */
  readonly deadline?: number;
};

/** Which signals: each part that is left out is any. `sender` may be a well-known name. */
export type Match = {
  readonly sender?: string;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
};

export type Signal = {
  /** The unique name. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly args: readonly Value[];
};

export type Argument = { readonly name: string; readonly signature: string };
export type Access = 'read' | 'write' | 'readwrite';

export type InterfaceDescription = {
  readonly name: string;
  readonly methods: readonly {
    readonly name: string;
    readonly in: readonly Argument[];
    readonly out: readonly Argument[];
  }[];
  readonly signals: readonly { readonly name: string; readonly args: readonly Argument[] }[];
  readonly properties: readonly {
    readonly name: string;
    readonly signature: string;
    readonly access: Access;
    readonly emits: 'true' | 'invalidates' | 'const' | 'false';
  }[];
};

/** What an object says of itself, and the names of those below it. */
export type ObjectDescription = {
  readonly interfaces: readonly InterfaceDescription[];
  readonly nodes: readonly string[];
};

/** Who calls: `uid` is the one that the bus vouches for. */
export type Caller = { readonly name: string; readonly uid: number };

export type ServedMethod = {
  readonly in: readonly Argument[];
  readonly out: readonly Argument[];
  /** Its arguments have the declared types. What it throws is told by `refusal`'s name, without a stack. */
  readonly call: (args: readonly Value[], caller: Caller) => Promise<readonly Value[]>;
};

export type ServedProperty = {
  readonly signature: string;
  readonly get: () => Value;
  /** Without it the property is read-only. */
  readonly set?: (value: Value, caller: Caller) => Promise<void>;
  /** `true` unless told: `changed` sends the value along. */
  readonly emits?: 'true' | 'invalidates' | 'const' | 'false';
};

export type ServedInterface = {
  readonly name: string;
  readonly methods?: Readonly<Record<string, ServedMethod>>;
  readonly properties?: Readonly<Record<string, ServedProperty>>;
  readonly signals?: Readonly<Record<string, readonly Argument[]>>;
};

/** An object of ours on the bus. */
export type Exported = {
  /** Sends a signal that the interface declares. @throws OpError `internal` for other types than declared. */
  readonly emit: (name: string, signal: string, args: readonly Value[]) => void;
  /** Says that properties have new values (PropertiesChanged). */
  readonly changed: (name: string, properties: readonly string[]) => void;
  readonly remove: () => void;
};

/** One connection. Every promise is settled within its deadline; all of them fail once the bus is gone. */
export interface Bus {
  /** Our unique name, `:1.7`. */
  readonly name: string;
  /** @throws OpError `host` with the error's words (`refusalOf` gives its name), `timeout`, or `protocol` for another reply than `reply`. */
  call(call: Call): Promise<readonly Value[]>;
  /** The property's value, with its signature. */
  get(place: Place, property: string, deadline?: number): Promise<Variant>;
  set(place: Place, property: string, value: Variant, deadline?: number): Promise<void>;
  introspect(destination: string, path: string, deadline?: number): Promise<ObjectDescription>;
  /** Calls `on` for each such signal from when it resolves until the function it gives is called. `on` may not throw: that ends the connection. */
  listen(match: Match, on: (signal: Signal) => void): Promise<() => Promise<void>>;
  /** The uid of the one behind a name, as the bus vouches for it. */
  user(name: string): Promise<number>;
  /** Takes a well-known name. @throws OpError `foreign` when somebody has it, `host` when we may not. */
  request(name: string): Promise<void>;
  release(name: string): Promise<void>;
  /** Puts an object on the bus; Peer, Introspectable and Properties come with it. */
  export(path: string, interfaces: readonly ServedInterface[]): Exported;
  /** Makes the path an ObjectManager of the objects below it. */
  manage(path: string): void;
  /** Resolves when the connection is gone: null when `close` did it, else why. */
  readonly ended: Promise<OpError | null>;
  close(): Promise<void>;
}

/** The machine's buses. */
export interface DBus {
  /** The system bus; connected to when first asked for, and anew when it has gone. @throws OpError `host` when there is none. */
  system(): Promise<Bus>;
  close(): Promise<void>;
}

/** An error with a D-Bus error name, for handlers to throw and for what a peer answered. */
export function refusal(name: string, message: string, hint?: string): OpError {
  return new OpError('host', message, { cause: { refusal: name }, ...(hint === undefined ? {} : { hint }) });
}

/** The D-Bus name of an error that a peer answered; null for any other error. */
export function refusalOf(error: unknown): string | null {
  let cause: unknown = error;
  for (let depth = 0; depth < 8 && cause instanceof OpError; depth += 1) cause = cause.cause;
  if (cause === null || typeof cause !== 'object' || !('refusal' in cause)) return null;
  return String(cause.refusal);
}

/** A value that its signature says to be a string. @throws OpError `internal` for any other. */
export function textOf(value: Value | undefined): string {
  if (typeof value === 'string') return value;
  throw new OpError('internal', 'expected a string from the message bus');
}
