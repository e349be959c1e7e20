// What flows a state file comes to, from the file alone: no root, no switch, and no name asked of anybody.

import type { State } from '../core/state/schema.ts';
import { endpoints, topology } from '../core/topology/build.ts';
import { type Explained, explain } from '../kinds/flow/explain.ts';

/**
 * A host name stands in the flows as `<name>`, where `apply` puts its address.
 * @throws OpError `state` for a policy or flow that can't be in the pipeline.
 */
export function explainState(state: State): readonly Explained[] {
  const names = new Map(endpoints(state).map((name, index) => [`192.0.2.${index + 1}`, name]));
  const resolved = Object.fromEntries([...names].map(([address, name]) => [name, [address]]));
  const text = JSON.stringify(explain(topology(state, resolved)));
  // TEST-NET-1 (RFC 5737): nobody's address, and so nobody's endpoint.
  const named = text.replace(/\b192\.0\.2\.\d+\b/g, (address) =>
    names.has(address) ? `<${names.get(address)}>` : address,
  );
  return JSON.parse(named) as readonly Explained[];
}
