// Faults: tunnels deleted or without a session, routes, rules and offloads changed.

import { TARGET, WARP } from '../topology.ts';
import type { Family } from './fault.ts';
import { openAll, openTable, openWarp } from './opening.ts';
import { home } from './site.ts';

const peer = '$(at 101 wg show wg-warp peers)';
const forget = `peer=${peer}; at 101 wg set wg-warp peer $peer remove; at 101 wg set wg-warp peer $peer endpoint ${WARP.endpoint}:${WARP.port} allowed-ips 0.0.0.0/0 persistent-keepalive 25`;

export const tunnel: Family = {
  name: 'tunnel',
  faults: [
    {
      name: "WARP's device deleted",
      why: "101 forwards into its tunnel alone, its table has no other way, and the switch takes from it only what is for WARP's endpoint",
      fault: home('net 101 ip link delete wg-warp'),
      protection: openWarp,
      mend: 'apply',
    },
    {
      name: "the gateway's device deleted",
      why: "nobody can decrypt the client's packets; the host lets in the published port alone",
      fault: home('net 100 ip link delete wg0'),
      protection: openAll,
      sees: /^home: the LAN's: /,
      mend: 'apply',
      session: true,
    },
    {
      name: "WARP's handshake expired",
      why: 'without a session WireGuard sends nothing but handshakes',
      fault: async ({ run }) => {
        await run(
          'warp',
          "wg show all dump | awk 'NF > 5 { print $1, $2, $5 }' >/run/known; read -r dev key ips </run/known; wg set $dev peer $key remove",
        );
        await run('home', forget);
      },
      undo: async ({ run }) => {
        await run('warp', 'read -r dev key ips </run/known; wg set $dev peer $key allowed-ips $ips');
        await run('home', forget);
      },
      protection: openAll,
      mend: 'itself',
    },
    {
      name: "WARP's endpoint is another",
      why: "101 may send to WARP's endpoint alone, by its filter and by the switch",
      // Again and again, since a packet from WARP's own endpoint leads it back.
      fault: home(
        `peer=${peer}; for try in $(seq 10); do at 101 wg set wg-warp peer $peer endpoint ${TARGET.ip}:${WARP.port}; sleep 0.1; done`,
      ),
      undo: home(`at 101 wg set wg-warp peer ${peer} endpoint ${WARP.endpoint}:${WARP.port}`),
      protection: openWarp,
      sees: new RegExp(`^home: udp .* > ${TARGET.ip}:${WARP.port}$`),
      mend: 'itself',
    },
    {
      name: 'a route past the tunnel',
      why: "101 forwards into its tunnel alone, and the switch takes from it only what is for WARP's endpoint",
      fault: home(`net 101 ip route add ${TARGET.ip}/32 via 10.0.0.1`),
      undo: home(`net 101 ip route del ${TARGET.ip}/32`),
      protection: openWarp,
      mend: 'itself',
    },
    {
      name: "the tunnel's rule deleted",
      why: "101 forwards into its tunnel alone, and the switch takes from it only what is for WARP's endpoint",
      fault: home('net 101 ip rule del priority 32001'),
      undo: home('net 101 ip rule add not fwmark 51820 table 51820 priority 32001'),
      protection: openWarp,
      mend: 'itself',
    },
    {
      name: "the tunnel's routes flushed",
      why: "101 forwards into its tunnel alone, and the switch takes from it only what is for WARP's endpoint",
      fault: home('net 101 ip route flush table 51820'),
      undo: home(
        'net 101 ip route replace unreachable default metric 9999 table 51820; net 101 ip route replace default dev wg-warp table 51820',
      ),
      protection: openWarp,
      mend: 'itself',
    },
    {
      name: 'a rule ahead of ours',
      why: "what the host's rules don't drop, its table does",
      fault: home('ip rule add priority 0 lookup main'),
      undo: home('ip rule del priority 0 lookup main'),
      protection: openTable,
      mend: 'itself',
    },
    {
      name: 'offloads and MTU changed',
      why: 'the way of a packet does not depend on its size',
      fault: home(
        'for id in 100 101 102; do net $id ip link set internal_$id gso_max_segs 1 mtu 9000; done; ip link set eth0 gso_max_segs 1',
      ),
      undo: home(
        'for id in 100 101 102; do net $id ip link set internal_$id gso_max_segs 65535 mtu 1500; done; ip link set eth0 gso_max_segs 65535',
      ),
      protection: openAll,
      mend: 'apply',
    },
  ],
};
