// Whether the hops carry, not only stand: names the one that fails, and restarts a tunnel whose way is free but which is silent.

import type { Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { type Hop, hopsOf } from '../engine/hop.ts';
import { partsOf } from '../engine/status.ts';
import { kinds as all } from '../kinds/index.ts';
import type { Inside } from '../kinds/inside.ts';
import type { Kind } from '../kinds/kind.ts';
import { because, type Tell } from './keeper.ts';
import type { Patience } from './patience.ts';

export type Health = {
  /** Looks, when it is time to, and says whether it was; never throws. What it finds is told when it changes. */
  readonly look: (wanted: readonly Resource[]) => Promise<boolean>;
  /** Milliseconds until it is time. */
  readonly due: () => number;
  /** The hop that fails and what it waits for; null when all carry, as far as is known. */
  readonly failing: () => string | null;
};

type Given = {
  readonly host: Host;
  readonly patience: Patience;
  readonly tell: Tell;
  readonly alone: <T>(action: () => Promise<T>) => Promise<T | null>;
  readonly now: () => number;
  /** Who is asked; all unless told. */
  readonly kinds?: readonly Kind<unknown>[];
};

/**
 * Milliseconds between looks. When all is well only the age of handshakes is asked, inside: a question to the VPS would be
 * a rhythm on the uplink. When something fails, every hop is asked.
 */
const WELL = 60_000;
const ILL = 5000;

export function health({ host, patience, tell, alone, now, kinds = all }: Given): Health {
  let next = now();
  let failing: string | null = null;

  async function find(wanted: readonly Resource[]): Promise<Hop | null> {
    const dialled = wanted.filter((one) => one.kind === 'tunnel' && (one.spec as Inside).reload === null);
    const quiet = (await partsOf(host, dialled, kinds)).every(({ up }) => up);
    if (quiet && failing === null) return null;
    const hops = hopsOf(wanted, await partsOf(host, wanted, kinds));
    // The last of the chain that fails is the cause: what is before it waits for it.
    return hops.filter(({ up }) => !up).at(-1) ?? null;
  }

  async function restart(wanted: readonly Resource[], { name, parts }: Hop): Promise<void> {
    const silent = parts.find(({ up }) => !up);
    const tunnel = wanted.find(
      (one) => one.kind === 'tunnel' && one.name.startsWith(`${name}/`) && (one.spec as Inside).reload === null,
    );
    const key = `hop ${name}`;
    // Only a tunnel that stands and gets no answer: all else is drift, which is put right anyway.
    if (tunnel === undefined || silent?.facts['present'] !== true || !patience.allows(key, now())) return;
    const { unit } = tunnel.spec as Inside;
    const { until } = patience.failed(key, now(), SILENT);
    await alone(() => host.containers.exec(name, ['systemctl', 'restart', `${unit}.service`]));
    tell('warning', `${name}: ${unit} restarted; again in ${Math.round((until - now()) / 1000)} s if it stays silent`);
  }

  return {
    due: () => Math.max(0, next - now()),
    failing: () => failing,
    look: async (wanted) => {
      if (now() < next) return false;
      next = Number.POSITIVE_INFINITY;
      try {
        const hop = await find(wanted);
        const found = hop === null ? null : `${hop.name} waits for ${hop.waiting ?? 'something'}`;
        // Ages grow: only another hop, or another cause, is news.
        if (blank(found) !== blank(failing)) {
          if (found === null) tell('info', 'every hop carries again');
          else tell('warning', found);
        }
        failing = found;
        if (hop !== null) await restart(wanted, hop);
      } catch (error) {
        tell('error', `looking at the hops: ${because(error)}`);
      } finally {
        next = now() + (failing === null ? WELL : ILL);
      }
      return true;
    },
  };
}

/** Milliseconds between restarts of a tunnel that stays silent, at first. */
const SILENT = 15_000;

function blank(text: string | null): string | null {
  return text?.replaceAll(/\d+/g, '0') ?? null;
}
