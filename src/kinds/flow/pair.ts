// Pairs: who opens connections to whom.

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
  const all = [...insidePairs(scene), ...steered(scene), ...chainFlows(scene).flatMap(({ pair }) => pair ?? [])];
  return [...new Map(all.map((pair) => [mark(pair), pair])).values()];
}

function steered(scene: Scene): readonly Pair[] {
  return scene.members.flatMap((member) => {
    const responder = next(scene, member);
    return responder === null ? [] : [{ initiator: party(member), responder }];
  });
}
