// One entry of the leak bench.

import type { Opening } from './opening.ts';
import type { Site } from './site.ts';

export type Fault = {
  readonly name: string;
  /** What keeps it from leaking, in a sentence. */
  readonly why: string;
  /** Returns once it is in effect, or has had its effect. */
  readonly fault: (site: Site) => Promise<void>;
  /** Takes back what `apply` doesn't, or what goes on by itself; also fit for a fault that has failed half way. */
  readonly undo?: (site: Site) => Promise<void>;
  /** What the anti-test switches off. */
  readonly protection: Opening;
  /** What it has to see then, as `PLACE: WHAT`, when that is not what the opening says. */
  readonly sees?: RegExp;
  /** Who makes the lab whole again after `undo`: `apply` in home or in the VPS, or nobody. */
  readonly mend: 'apply' | 'apply in vps' | 'itself';
  /** True when it is over as soon as it was made. */
  readonly over?: true;
  /** True when the client's WireGuard needs a new session after it. */
  readonly session?: true;
  /** `uplinks`: the fault opens the switch itself, so that the containers' ports are not judged. */
  readonly judged?: 'uplinks';
  /** What is seen by design in this case, as `PLACE: WHAT`. */
  readonly allows?: RegExp;
};

export type Family = { readonly name: string; readonly faults: readonly Fault[] };
