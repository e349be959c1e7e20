// Whether a unit inside a container runs now, for `status`. Starts no program.

import type { Host } from '../drivers/host.ts';
import type { Inside } from './inside.ts';

export type Live = {
  /** What it waits for before anything else can be asked; null when the unit is active. */
  readonly waiting: string | null;
  readonly active: boolean;
  /** The container's network devices. */
  readonly devices: ReadonlySet<string>;
};

/** Milliseconds that a program may take which a container is asked by, for `status`. */
export const deadline = 3000;

export async function live(host: Host, { container, unit }: Inside): Promise<Live> {
  const off = { active: false, devices: new Set<string>() };
  try {
    const found = (await host.containers.list()).find(({ name }) => name === container);
    if (found === undefined || !found.running) return { ...off, waiting: 'its container' };
    const [active, devices] = await Promise.all([
      host.containers.activeUnits(container, [unit]),
      host.containers.devices(container),
    ]);
    if (active.has(unit)) return { waiting: null, active: true, devices };
    return { active: false, devices, waiting: `${unit}, which is not active: op-dbus apply` };
  } catch (error) {
    return { ...off, waiting: `an answer of its container: ${error instanceof Error ? error.message : String(error)}` };
  }
}
