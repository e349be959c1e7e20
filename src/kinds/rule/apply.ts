// Rules are added before others are removed; what shuts comes in last and goes first.

import type { Change } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Rule } from '../../drivers/net/contract.ts';
import { OpError } from '../../error.ts';
import { bootPath, familyOf, live } from './observe.ts';
import type { Spec } from './schema.ts';
import { bootText, priorityOf, shutLast } from './text.ts';

/** @throws OpError `foreign` when somebody else's rule would be asked before ours. */
export async function preflight(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  for (const { name, after } of batch) {
    const other = after === null ? undefined : await earlier(host, name, after);
    if (other === undefined) continue;
    throw new OpError('foreign', `the routing rule "${other.text}" is not op-dbus's and comes before its own`, {
      at: `rule ${name}`,
      hint: `Add it with a priority over 4, then: ip -${familyOf(name)} rule del ${other.text}`,
    });
  }
}

/** A rule of somebody else's that is asked before one of the spec's; but for that of local delivery, with which all begins. */
export async function earlier(host: Host, name: string, { rules }: Spec): Promise<Rule | undefined> {
  const last = Math.max(0, ...rules.map(priorityOf));
  const found = (await host.net.rules(familyOf(name))) ?? [];
  return found.find(({ ours, text }) => !ours && text !== 'priority 0 lookup local' && priorityOf(text) <= last);
}

export async function apply(host: Host, batch: readonly Change<Spec>[]): Promise<void> {
  for (const { name, after } of batch) {
    if (after === null) {
      // The file last: what an interruption leaves is seen, and removed, the next time.
      await change(host, name, []);
      await host.files.remove(bootPath(name));
      // No rules mean that somebody's accident is to be restored: what is there stays.
    } else if (after.rules.length > 0) {
      await change(host, name, after.rules);
      await host.files.write(bootPath(name), bootText(after.rules));
    }
  }
}

async function change(host: Host, name: string, rules: readonly string[]): Promise<void> {
  const found = await live(host, name);
  if (found === null) return;
  const family = familyOf(name);
  for (const rule of shutLast(rules.filter((one) => !found.includes(one)))) await host.net.addRule(family, rule);
  const over = found.filter((one) => !rules.includes(one));
  for (const rule of shutLast(over).toReversed()) await host.net.removeRule(family, rule);
}
