// A host whose drivers die at a chosen call: of a whole process, as by kill -9, or of one call, as by a full disk.

import type { Host } from '../src/drivers/host.ts';
import { OpError } from '../src/error.ts';

export type Death = {
  /** The call at which it happens, from 0. */
  readonly at: number;
  /** Before the call has done anything, or after it has done all. */
  readonly when: 'before' | 'after';
  /** `process`: no later call of this host does anything either. `call`: this one alone fails. */
  readonly of: 'process' | 'call';
};

/** The host, and how many calls it had. A dead process's calls never end, as if nobody waited for them. */
export function dying(
  host: Host,
  death: Death | null,
): { readonly host: Host; readonly calls: () => number; readonly died: Promise<void> } {
  let calls = 0;
  const end = Promise.withResolvers<void>();
  let dead = false;
  const never = new Promise<never>(() => {});
  const guarded = <T extends object>(driver: T): T =>
    new Proxy(driver, {
      get: (target, key, receiver) => {
        const member: unknown = Reflect.get(target, key, receiver);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          const result = (): unknown => Reflect.apply(member, target, args) as unknown;
          // What gives no promise is no effect: names, attach, remember; the methods of a container's filter and tc are looked at one by one.
          // A bus is a driver too: each of its calls is one that counts.
          if (key === 'system') return effect(async () => guarded((await result()) as object));
          if (synchronous.has(String(key))) return objects.has(String(key)) ? guarded(result() as object) : result();
          return effect(result as () => Promise<unknown>);
        };
      },
    });
  async function effect(action: () => Promise<unknown>): Promise<unknown> {
    const mine = calls;
    calls += 1;
    if (dead) return never;
    if (death?.at !== mine) return action();
    if (death.when === 'after') await action();
    if (death.of === 'call') throw new OpError('host', 'injected');
    dead = true;
    end.resolve();
    return never;
  }
  const drivers = Object.fromEntries(
    Object.entries(host).map(([name, driver]) => [
      name,
      typeof driver === 'object' ? guarded(driver as object) : driver,
    ]),
  );
  return { host: drivers as unknown as Host, calls: () => calls, died: end.promise };
}

/** Those that give a driver of their own. */
const objects = new Set(['filter', 'tc']);
const synchronous = new Set(['remember', 'attach', ...objects]);
