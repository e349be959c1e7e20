// The profiles' topologies, and one with everything that flows can meet.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from '../../core/state/parse.ts';
import { topology } from '../../core/topology/build.ts';
import { chain, client, member, none, ovsbr0, userFlow, vps, WARP } from '../../core/topology/fixture.ts';
import type { Topology } from '../../core/topology.ts';

/** The chain at level 1 with a plain veth container beside it, flows of the file's own, and a bridge without a chain. */
export const mixed: Topology = {
  ...client,
  level: 1,
  bridges: [
    ovsbr0,
    {
      name: 'mesh',
      address: { ip: '10.1.0.1', prefix: 24 },
      subnet: '10.1.0.0/24',
      mac: '02:0a:00:00:00:02',
      chain: false,
    },
  ],
  members: [
    ...chain,
    member(104, 'app-server', {
      bridge: 'mesh',
      mode: 'veth',
      port: { row: 'veth104', device: 'veth104', ofport: 32872 },
      device: 'eth0',
      address: { ip: '10.1.0.104', prefix: 24 },
      gateway: '10.1.0.1',
    }),
    member(105, 'web-server', {
      mode: 'veth',
      port: { row: 'veth105', device: 'veth105', ofport: 32873 },
      device: 'eth0',
    }),
  ],
  flows: [
    userFlow({ priority: 1500, match: 'udp,in_port=internal_100,udp_dst=1900' }),
    userFlow({ table: 12, match: 'tcp,in_port=veth105,tcp_dst=443', actions: 'normal' }),
    userFlow({ priority: 1200, match: 'nw_dst=198.51.100.7/24,ip,in_port=internal_100', actions: 'output:wg-warp' }),
    userFlow({ bridge: 'mesh', match: 'tcp,tp_dst=25' }),
  ],
};

/** The client's chain with general containers beside it, as a file says it. */
export const generalText = readFileSync(new URL('../../../test/golden/general/state.json', import.meta.url), 'utf8');

/** What a file with the client's names means. */
export function meaning(text: string): Topology {
  const parsed = parse(text);
  assert.ok('state' in parsed, JSON.stringify(parsed));
  return topology(parsed.state, { 'engage.cloudflareclient.com': [WARP.ip], 'vps.example.net': ['95.216.30.2'] });
}

/** By the name of its golden case. */
export const topologies: Readonly<Record<string, Topology>> = {
  'privacy-client': client,
  'privacy-vps': vps,
  none,
  mixed,
  general: meaning(generalText),
};
