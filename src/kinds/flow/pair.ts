// Pairs: who opens connections to whom.

import type { Member } from '../../core/topology.ts';
import { mark } from './mark.ts';
import { next, type Pair, party, type Scene } from './scene.ts';
import { chainFlows } from './user.ts';

/** Inside the subnet: the host to each member, and each member to the member that its policy names. */
export function insidePairs(scene: Scene): readonly Pair[] {
  const { host, members } = scene;
  return [
    ...(host === null ? [] : members.map((member) => ({ initiator: host, responder: party(member) }))),
    ...steered(scene).filter(({ responder }) => responder !== host),
  ];
}

/** Every pair whose connections some flow commits, once. */
export function pairs(scene: Scene): readonly Pair[] {
  const all = [
    ...insidePairs(scene),
    ...steered(scene),
    ...overridden(scene),
    ...chainFlows(scene).flatMap(({ pair }) => pair ?? []),
  ];
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
