// A change of rules as commands of ip-rule(8).

import type { Change } from '../../core/resource.ts';
import { RULE_PROTOCOL } from '../../drivers/net/contract.ts';
import { bootPath, familyOf } from './observe.ts';
import type { Spec } from './schema.ts';
import { shutLast } from './text.ts';

export function render({ name, before, after }: Change<Spec>): readonly string[] {
  const [ip, path] = [`ip -${familyOf(name)}`, bootPath(name)];
  const ours = `protocol ${RULE_PROTOCOL}`;
  if (after === null) return [`${ip} rule flush ${ours}`, `rm ${path}`];
  if (after.rules.length === 0) return [`${ip} rule  # stay as they are`];
  const [old, now] = [before?.rules ?? [], after.rules];
  return [
    ...shutLast(now.filter((rule) => !old.includes(rule))).map((rule) => `${ip} rule add ${rule} ${ours}`),
    ...shutLast(old.filter((rule) => !now.includes(rule)))
      .toReversed()
      .map((rule) => `${ip} rule del ${rule} ${ours}`),
    `tee ${path}`,
  ];
}
