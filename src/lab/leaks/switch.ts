// Faults: the switch and its database, flows and ports.

import type { Family } from './fault.ts';
import { openBridge, openHost } from './opening.ts';
import { home } from './site.ts';

const flush = 'ovs-ofctl -O OpenFlow14 del-flows ovsbr0';

/** Ends a daemon of Open vSwitch by `how`, and starts it again as it was. */
const again = (daemon: string, how: string) => home(`how='${how}'; again ${daemon}`);

export const bridge: Family = {
  name: 'switch',
  faults: [
    {
      name: 'all flows deleted',
      why: 'fail_mode=secure: a bridge without flows drops',
      fault: home(flush),
      protection: openBridge,
      mend: 'apply',
    },
    {
      name: 'a foreign flow that opens the switch',
      why: 'the host forwards nothing of the bridge but what is from 102 to the VPS',
      fault: home('ovs-ofctl -O OpenFlow14 add-flow ovsbr0 priority=65535,actions=NORMAL'),
      protection: openHost,
      mend: 'apply',
      judged: 'uplinks',
    },
    {
      name: 'the bridge made an ordinary one',
      why: 'the host forwards nothing of the bridge but what is from 102 to the VPS',
      fault: home(`ovs-vsctl set-fail-mode ovsbr0 standalone; ${flush}`),
      protection: openHost,
      mend: 'apply',
      judged: 'uplinks',
    },
    ...([100, 101, 102] as const).map(
      (id) =>
        ({
          name: `the port of ${id} removed`,
          why: 'a flow for a port that is gone drops; the LAN has no way past the chain',
          fault: home(`ovs-vsctl del-port ovsbr0 internal_${id} 2>/dev/null || ovs-vsctl del-port ovsbr0 wg-warp`),
          protection: openHost,
          mend: 'apply',
        }) as const,
    ),
    ...(['ovs-vswitchd', 'ovsdb-server'] as const).flatMap((daemon) => [
      {
        name: `${daemon} killed and started again`,
        why: 'it comes back shut; the LAN has no way past the chain meanwhile',
        fault: again(daemon, 'kill -9 $pid'),
        protection: openHost,
        mend: 'apply' as const,
      },
      {
        name: `${daemon} restarted`,
        why: 'it comes back shut; the LAN has no way past the chain meanwhile',
        fault: again(daemon, `ovs-appctl -t ${daemon} exit`),
        protection: openHost,
        mend: 'apply' as const,
      },
      {
        name: `${daemon} hung`,
        why: 'what waits for it goes nowhere else; the LAN has no way past the chain',
        fault: home(`kill -STOP $(cat /run/openvswitch/${daemon}.pid)`),
        undo: home(`kill -CONT $(cat /run/openvswitch/${daemon}.pid)`),
        protection: openHost,
        mend: 'itself' as const,
      },
    ]),
  ],
};
