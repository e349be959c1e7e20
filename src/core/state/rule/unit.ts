// Units: names that systemd knows (systemd.unit(5)), drop-ins that it would read, and nothing that contradicts itself.

import { bad, type UnitDraft } from '../draft.ts';
import type { Finding, Path } from '../problem.ts';
import type { Rule } from './rule.ts';

export const units: Rule = ({ draft }) =>
  Object.entries(draft.systemd?.units ?? {}).flatMap(([name, unit]) => {
    const path: Path = ['systemd', 'units', name];
    return [...named(name, path), ...(unit === undefined ? [] : [...fit(unit, path), ...dropIns(unit, path)])];
  });

const suffix = /\.(service|socket|target|timer|path|mount|automount|swap|slice)$/;

function named(name: string, path: Path): readonly Finding[] {
  const own = /^op-?dbus/i.test(name);
  if (own) return [{ path, key: true, message: "op-dbus keeps its own units itself: expected another's" }];
  const good = /^[A-Za-z0-9:_.\\@-]{1,255}$/.test(name) && suffix.test(name) && !/^\.|@\./.test(name);
  if (good) return [];
  const plain = /^[A-Za-z0-9_@-]{1,60}$/.test(name);
  const hint = plain ? { hint: `Did you mean "${name}.service"?` } : {};
  return [{ path, key: true, message: 'expected the name of a systemd unit, like ssh.service', ...hint }];
}

function fit(unit: UnitDraft, path: Path): readonly Finding[] {
  const declared = Object.entries(unit).filter(
    ([, value]) => value === undefined || Object.keys(value).length > 0 || typeof value === 'boolean',
  );
  if (declared.length === 0)
    return [{ path, message: 'declares nothing: expected enabled, active, masked or drop_ins' }];
  if (unit.masked !== true) return [];
  return (['enabled', 'active'] as const).flatMap((key) =>
    unit[key] === true
      ? [{ path: [...path, key], message: 'a masked unit is neither enabled nor active: expected false' }]
      : [],
  );
}

function dropIns(unit: UnitDraft, path: Path): readonly Finding[] {
  if (bad(unit, 'drop_ins')) return [];
  return Object.entries(unit.drop_ins ?? {}).flatMap(([name, text]): readonly Finding[] => {
    const at = [...path, 'drop_ins', name];
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\.conf$/.test(name))
      return [{ path: at, key: true, message: 'expected the name of a file that ends in .conf, like limit.conf' }];
    if (text === undefined) return [];
    const [first = ''] = text.split('\n').filter((line) => !/^\s*([#;].*)?$/.test(line));
    if (/^\[[A-Za-z-]+\]\s*$/.test(first) && !text.includes('\0') && text.isWellFormed()) return [];
    return [{ path: at, message: 'expected the text of a drop-in, which begins with a section like [Service]' }];
  });
}
