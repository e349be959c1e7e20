// Rules as lines: their order, and the file from which the start hook of containers adds them after a boot (ip(8) -batch).

import { RULE_PROTOCOL } from '../../drivers/net/contract.ts';

/** The kernel's order: by priority. */
export function sorted(rules: readonly string[]): readonly string[] {
  return rules.toSorted((a, b) => priorityOf(a) - priorityOf(b) || (a < b ? -1 : 1));
}

/** The order of adding: what lets through before what shuts, so that nothing but what shall be is ever shut off. */
export function shutLast(rules: readonly string[]): readonly string[] {
  return rules.toSorted((a, b) => Number(shuts(a)) - Number(shuts(b)));
}

export function priorityOf(rule: string): number {
  return Number(/^priority (\d+)/.exec(rule)?.[1]);
}

/** The file's content: one command a line. */
export function bootText(rules: readonly string[]): string {
  const lines = shutLast(sorted(rules)).map((rule) => `rule add ${rule} protocol ${RULE_PROTOCOL}\n`);
  return `# Written by op-dbus: what the host's filter has not marked is not forwarded.\n${lines.join('')}`;
}

/** The rules of such a file. */
export function bootRules(text: string): readonly string[] {
  return sorted([...text.matchAll(/^rule add (.*) protocol \d+$/gm)].map(([, rule]) => rule ?? ''));
}

function shuts(rule: string): boolean {
  return rule.endsWith(' blackhole');
}
