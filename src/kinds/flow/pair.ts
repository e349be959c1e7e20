// Pairs: who opens connections to whom.

import type { Member } from '../../core/topology.ts';
import { mark } from './mark.ts';
import { next, type Pair, party, type Scene } from './scene.ts';
import { chainFlows } from './user.ts';

/** The host to each member. */
export function hosted({ host, members }: Scene): readonly Pair[] {
  return host === null ? [] : members.map((member) => ({ initiator: host, responder: party(member) }));
}

/** One mesh's members, both ways: their tunnels have the bridge below them. */
export function meshed({ members }: Scene): readonly Pair[] {
  const own = members.filter(({ netmaker }) => netmaker).map(party);
  return own.flatMap((initiator) =>
    own.flatMap((responder) => (responder.id === initiator.id ? [] : [{ initiator, responder }])),
  );
}

/** Members to the one to which their policy leads, where one of the two has a job in the chain. */
export function hops(scene: Scene): readonly Pair[] {
  const plain = plainIds(scene);
  return steered(scene).filter(
    ({ initiator, responder }) => responder !== scene.host && !(plain.has(initiator.id) && plain.has(responder.id)),
  );
}

/** Containers without a job in the chain to those to which policies and flows lead them: the tables of policies decide. */
export function neighbours(scene: Scene): readonly Pair[] {
  const plain = plainIds(scene);
  return once(led(scene)).filter(({ initiator, responder }) => plain.has(initiator.id) && plain.has(responder.id));
}

function plainIds({ members }: Scene): ReadonlySet<number> {
  return new Set(members.filter(({ role }) => role === 'plain').map(({ id }) => id));
}

/** Every pair whose connections some flow commits, once. */
export function pairs(scene: Scene): readonly Pair[] {
  return once([...hosted(scene), ...meshed(scene), ...led(scene)]);
}

/** Those of policies and of the file's flows. */
function led(scene: Scene): readonly Pair[] {
  return [...steered(scene), ...overridden(scene), ...chainFlows(scene).flatMap(({ pair }) => pair ?? [])];
}

function once(all: readonly Pair[]): readonly Pair[] {
  return [...new Map(all.map((pair) => [mark(pair), pair])).values()];
}

function steered(scene: Scene): readonly Pair[] {
  return scene.members.flatMap((member) => pairOf(scene, member, member));
}

/** Never met while the first policy is there; each flow that commits has its replies all the same. */
function overridden(scene: Scene): readonly Pair[] {
  return scene.members.flatMap((member) => member.overridden.flatMap((way) => pairOf(scene, member, way)));
}

function pairOf(scene: Scene, member: Member, way: Pick<Member, 'next'>): readonly Pair[] {
  const responder = next(scene, way);
  return responder === null ? [] : [{ initiator: party(member), responder }];
}
