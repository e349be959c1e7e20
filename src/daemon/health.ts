// Whether the hops carry, not only stand: names the one that fails, and restarts a tunnel whose way is free but which is silent.

import type { Resource } from '../core/resource.ts';
import type { Host } from '../drivers/host.ts';
import { because } from '../error.ts';
import { chainOf, type Hop, hopsOf } from '../engine/hop.ts';
import { partsOf } from '../engine/status.ts';
import { kinds as all } from '../kinds/index.ts';
import type { Inside } from '../kinds/inside.ts';
import type { Kind } from '../kinds/kind.ts';
import { type Tell } from './keeper.ts';
import type { Patience } from './patience.ts';

export type Health = {
  /** Looks, when it is time to; never throws. What it finds is told when it changes; says whether that did. */
  readonly look: (wanted: readonly Resource[]) => Promise<boolean>;
  /** The hop that fails and what it waits for; null when all carry, as far as is known. */
  readonly failing: () => string | null;
};

type Given = {
  readonly host: Host;
  readonly patience: Patience;
  readonly tell: Tell;
  readonly alone: <T>(action: () => Promise<T>) => Promise<T | null>;
  /** Milliseconds of a clock that is never set back. */
  readonly now: () => number;
  /** Who is asked; all unless told. */
  readonly kinds?: readonly Kind<unknown>[];
};

/**
 * Milliseconds between looks. What goes through a tunnel that dials is counted, which asks nobody: when more was sent than
 * keepalives and nothing came back for a while, every hop is asked. When all is well only the age of handshakes is asked,
 * inside: a question to the VPS would be a rhythm on the uplink.
 */
const WELL = 60_000;
const COUNT = 5000;
const SILENCE = 10_000;
/** Bytes: a keepalive has 32, and WARP need not answer it. */
const WORTH = 1000;

export function health({ host, patience, tell, alone, now, kinds = all }: Given): Health {
  let next = now();
  let counting = now();
  let looking = false;
  let failing: string | null = null;
  let unseen: string | null = null;
  const seen = new Map<string, Counted>();

  /** The container whose tunnel has been talking to nobody; null when there is none. */
  async function unheard(wanted: readonly Resource[]): Promise<string | null> {
    let found: string | null = null;
    for (const { name, spec } of wanted.filter(dials)) {
      const { container, unit } = spec as Inside;
      const traffic = (await host.containers.traffic(container)).get(unit.split('@')[1] ?? '');
      const last = seen.get(name);
      if (traffic === undefined) seen.delete(name);
      else if (last === undefined || last.received !== traffic.received || last.sent > traffic.sent)
        seen.set(name, { ...traffic, at: now() });
      else if (traffic.sent - last.sent > WORTH && now() - last.at >= SILENCE) found = container;
    }
    return found;
  }

  async function find(
    wanted: readonly Resource[],
  ): Promise<{ readonly text: string; readonly hop: Hop | null } | null> {
    const silent = await unheard(wanted);
    if (silent === null && failing === null) {
      if (now() < next) return null;
      next = now() + WELL;
      if ((await partsOf(host, wanted.filter(dials), kinds)).every(({ up }) => up)) return null;
    }
    const hops = hopsOf(wanted, await partsOf(host, wanted, kinds));
    const chain = chainOf(wanted);
    const down = hops.filter(({ up }) => !up);
    // The last of the chain that fails is the cause: what is before it waits for it. What is beside it comes after.
    const hop = down.filter(({ name }) => chain.has(name)).at(-1) ?? down.at(-1);
    if (hop !== undefined) return { text: `${hop.name} waits for ${hop.waiting ?? 'something'}`, hop };
    return silent === null ? null : { text: `${silent} sends, and nothing comes back through its tunnel`, hop: null };
  }

  async function restart(wanted: readonly Resource[], { name, parts }: Hop): Promise<void> {
    const silent = parts.find(({ up }) => !up);
    const tunnel = wanted.find((one) => dials(one) && one.name.startsWith(`${name}/`));
    const key = `hop ${name}`;
    // Only a tunnel that stands and gets no answer: all else is drift, which is put right anyway.
    if (tunnel === undefined || silent?.facts['present'] !== true || !patience.allows(key, now())) return;
    const { unit } = tunnel.spec as Inside;
    const { until } = patience.failed(key, now(), undefined, SILENT);
    await alone(() => host.containers.exec(name, ['systemctl', 'restart', `${unit}.service`]));
    tell('warning', `${name}: ${unit} restarted; again in ${Math.round((until - now()) / 1000)} s if it stays silent`);
  }

  return {
    failing: () => failing,
    look: async (wanted) => {
      if (looking || now() < counting) return false;
      looking = true;
      try {
        const found = await find(wanted);
        const before = failing;
        failing = found?.text ?? null;
        // Ages grow: only another hop, or another cause, is news.
        const news = blank(failing) !== blank(before);
        if (news && failing === null) tell('info', 'every hop carries again');
        if (news && failing !== null) tell('warning', failing);
        if (found !== null && found.hop !== null) await restart(wanted, found.hop);
        unseen = null;
        return news;
      } catch (error) {
        const why = because(error);
        if (why !== unseen) tell('error', `looking at the hops: ${why}`);
        unseen = why;
      } finally {
        looking = false;
        counting = now() + COUNT;
      }
      return false;
    },
  };
}

/** Milliseconds between restarts of a tunnel that stays silent, at first. */
const SILENT = 15_000;

type Counted = { readonly received: number; readonly sent: number; readonly at: number };

/** A tunnel that dials is to be answered; one that listens may have nobody who speaks. */
function dials({ kind, spec }: Resource): boolean {
  return kind === 'tunnel' && (spec as Inside).reload === null;
}

function blank(text: string | null): string | null {
  return text?.replaceAll(/\d+/g, '0') ?? null;
}
