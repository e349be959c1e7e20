// A unit's change as systemctl(1) commands.

import type { Change } from '../../core/resource.ts';
import { keptPath } from '../kept.ts';
import { dropInPath, type Property } from './entry.ts';
import type { Spec } from './schema.ts';

const words: Readonly<Record<Property, readonly [on: string, off: string]>> = {
  masked: ['mask', 'unmask'],
  enabled: ['enable', 'disable'],
  active: ['start', 'stop'],
};

export function render({ name, before, after }: Change<Spec>): readonly string[] {
  const files = dropIns(name, before?.dropIns ?? {}, after?.dropIns ?? {});
  const verbs = (['masked', 'enabled', 'active'] as const).flatMap((key) => {
    const value = after?.[key] ?? null;
    return value === null || value === (before?.[key] ?? null) ? [] : [words[key][value ? 0 : 1]];
  });
  const restart = files.length > 0 && after?.active === true && before?.active === true ? ['restart'] : [];
  // Masked last, as it is done; unmasked first.
  const sorted = [...verbs.filter((verb) => verb !== 'mask'), ...restart, ...verbs.filter((verb) => verb === 'mask')];
  const back = (['enabled', 'active', 'masked'] as const).filter(
    (key) => (before?.[key] ?? null) !== null && (after?.[key] ?? null) === null,
  );
  return [
    ...files,
    ...(files.length === 0 ? [] : ['systemctl daemon-reload']),
    ...sorted.map((verb) => `systemctl ${verb} ${name}`),
    ...(back.length === 0 ? [] : [`# ${name}: ${back.join(', ')} as before, by ${keptPath}`]),
  ];
}

function dropIns(unit: string, before: Spec['dropIns'], after: Spec['dropIns']): readonly string[] {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  const fresh = Object.entries(after).filter(([name, text]) => before[name] !== text);
  return [
    ...fresh.map(
      ([name, text]) => `printf '${escaped(text)}' | install -D -m 644 /dev/stdin ${dropInPath(unit, name)}`,
    ),
    ...gone.map((name) => `rm ${dropInPath(unit, name)}`),
  ];
}

/** A text inside single quotes, for printf(1). */
function escaped(text: string): string {
  const plain = text.replaceAll('\\', '\\\\').replaceAll('%', '%%').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return plain
    .replaceAll("'", "'\\''")
    .replaceAll(/\p{Cc}/gu, (unit) => `\\${unit.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
