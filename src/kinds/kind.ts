// What a kind is: the contract that every folder here fulfils. See docs/adding-a-kind.md.

import type * as z from 'zod';
import type { Change, Resource } from '../core/resource.ts';
import type { Expand, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';

/** Outcome of one check of `verify`: what was asked of the live host, and what it said. */
export type Check = {
  /** `wireguard-gateway: wg0 has a handshake younger than 3 minutes`. */
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, in a few words. */
  readonly detail: string;
  /** The command that shows the same to a person. */
  readonly command: string;
};

/** A peer of a tunnel as its container tells of it; null: none yet, or not known. */
export type PeerState = {
  /** Its public key. */
  readonly key: string;
  /** Seconds since the last handshake. */
  readonly handshake: number | null;
  /** Bytes from it and to it. */
  readonly received: number | null;
  readonly sent: number | null;
};

/** How one resource does in its hop, the container `hop`: what `status` shows. */
export type Part = {
  readonly hop: string;
  /** Short: `container`, `wg0`, `xray`. */
  readonly name: string;
  readonly up: boolean;
  /** What it waits for, in a few words that follow "waits for"; null when it is up. */
  readonly waiting: string | null;
  /** What was seen, for programs; null: not known. No secrets. */
  readonly facts: Readonly<Record<string, boolean | null>>;
  readonly peers: readonly PeerState[];
  /** Where it has been given one from outside, with its prefix: `10.10.0.2/16`. */
  readonly address?: string;
};

/** The address that the Internet sees at the end of the chain, or why it is not known. */
export type Exit = { readonly address: string; readonly why: null } | { readonly address: null; readonly why: string };

/** A key or certificate of the user's that goes into a container. */
export type Content = {
  readonly container: string;
  /** Inside the container; the files folder mirrors it. */
  readonly path: string;
  readonly sort: 'WireGuard key' | 'REALITY key' | 'certificate' | 'private key' | 'web page';
  readonly required: boolean;
  /** For a certificate: the host name or address that it must be for. */
  readonly host?: string;
  /** For a private key: the path of the certificate to which it must belong. */
  readonly certificate?: string;
  /** What to do when it is missing. */
  readonly hint: string;
};

export type Kind<S> = {
  /** The folder's name. */
  readonly name: string;
  /** The spec's schema: shapes and units. */
  readonly schema: z.ZodType<S>;
  /** The resource that this one is in: when that one goes, this one goes with it, and nothing has to be done for it. */
  readonly within?: (spec: S) => { readonly kind: string; readonly name: string };
  /** The keys and certificates that its resources need; `Facts.files` then tells their fingerprints. Pure. */
  readonly contents?: (topology: Topology) => readonly Content[];
  /** Wanted resources, from the state. Pure. */
  readonly expand: Expand<S>;
  /** Every resource of this kind on the host that carries our mark. */
  readonly observe: (host: Host) => Promise<readonly Resource<S>[]>;
  /**
   * Looks, before anything is changed, whether the batch can be carried out: something foreign in the way, a program
   * that is missing, a template that must be fetched first (`say` is told what takes long). @throws OpError `foreign` or `host`, naming what is in the way.
   */
  readonly preflight?: (host: Host, batch: readonly Change<S>[], say: (line: string) => void) => Promise<void>;
  /**
   * Carries out a batch of changes of this kind; all or nothing where the host allows it. May be called again.
   * `say` is told what takes long.
   */
  readonly apply: (host: Host, batch: readonly Change<S>[], say: (line: string) => void) => Promise<void>;
  /**
   * The spec to go back to where this one was seen: what an accident had made of the resource is not made again. Null when
   * the spec does not tell what it was before the accident. Without it, every spec that is seen can be had again.
   */
  readonly sound?: (spec: S) => S | null;
  /** The change as the commands a person would type, one a line; no secrets. */
  readonly render: (change: Change<S>) => readonly string[];
  /** Asks the live host whether the resource does its work. Without it, `verify` only compares. */
  readonly check?: (host: Host, wanted: readonly Resource<S>[]) => Promise<readonly Check[]>;
  /** How each resource does now, in well under half a second when all is well. Never fails: what can't be asked is not up. */
  readonly status?: (host: Host, wanted: readonly Resource<S>[]) => Promise<readonly Part[]>;
  /** Asks through the chain what address the Internet sees, within so many seconds; null when no resource is its end. */
  readonly exit?: (host: Host, wanted: readonly Resource<S>[], seconds: number) => Promise<Exit | null>;
};

/** Declares a kind; only infers its spec's type. */
export function kind<S>(definition: Kind<S>): Kind<S> {
  return definition;
}
