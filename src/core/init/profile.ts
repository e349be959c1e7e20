// The specification's profiles, value for value (Container Deployment Profiles, profiles 1 to 3), and installer mode 5, the agent.

import agent from '../../../profiles/agent.json' with { type: 'json' };
import none from '../../../profiles/none.json' with { type: 'json' };
import client from '../../../profiles/privacy-client.json' with { type: 'json' };
import vps from '../../../profiles/privacy-vps.json' with { type: 'json' };
import type { Input } from '../state/schema.ts';

export type Profile = 'none' | 'privacy-client' | 'privacy-vps' | 'agent';

export const profiles: readonly Profile[] = ['none', 'privacy-client', 'privacy-vps', 'agent'];

/** A profile's `plugins`, placeholders and all; a fresh copy. */
export function plugins(profile: Profile): Input {
  const text = { none, 'privacy-client': client, 'privacy-vps': vps, agent }[profile];
  return structuredClone(text) as unknown as Input;
}
