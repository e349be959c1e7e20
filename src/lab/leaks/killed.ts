// Faults: each component killed, hung, restarted.

import type { Family, Fault } from './fault.ts';
import { openAll } from './opening.ts';
import { home, type Site } from './site.ts';

const members = [
  { id: 100, is: 'the gateway', session: true, sees: /^home: the LAN's: / },
  { id: 101, is: 'WARP' },
  { id: 102, is: 'the proxy' },
] as const;

const containers = members.flatMap(({ id, is, ...more }): readonly Fault[] => [
  {
    name: `container ${id} killed`,
    why: `flows name the port of ${is}, which is gone: what is for it is dropped`,
    fault: home(`kill -9 $(pid ${id})`),
    protection: openAll,
    mend: 'apply',
    ...more,
  },
  {
    name: `container ${id} hung`,
    why: `what is for ${is} waits in its port's queue, and goes nowhere else`,
    fault: home(`lxc-freeze -n $(name ${id})`),
    undo: home(`lxc-unfreeze -n $(name ${id})`),
    protection: openAll,
    mend: 'itself',
    ...(id === 100 ? { sees: /^home: the LAN's: / } : {}),
  },
]);

const vps =
  (script: string) =>
  async ({ run }: Site): Promise<void> =>
    void (await run('vps', script));

/** Starts op-dbusd in home and waits until it says that all is well. */
const daemon = `setsid op-dbus daemon </dev/null >/var/log/op-dbusd.log 2>&1 & echo $! >/run/leaks-daemon
for try in $(seq 500); do grep -q 'the host is as it was applied' /var/log/op-dbusd.log && break; sleep 0.02; done`;
const endDaemon = 'pid=$(cat /run/leaks-daemon); kill -CONT $pid; kill $pid; gone $pid; rm -f /run/leaks-daemon';

export const killed: Family = {
  name: 'killed, hung, restarted',
  faults: [
    ...containers,
    {
      name: 'container 101 restarted',
      why: 'its hook gives it its filter before its init runs; its tunnel is shut until it is up',
      fault: home('power off 101; power on 101'),
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'the proxy killed',
      why: "WARP's packets end in 102: its filter forwards nothing",
      fault: home(`proxy 102 9`),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'the proxy hung',
      why: "WARP's packets wait in its socket",
      fault: home(`proxy 102 STOP`),
      undo: home(`proxy 102 CONT`),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: "the VPS's proxy killed",
      why: 'there is no other way out than the VPS',
      fault: vps(`proxy 100 9`),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: "the VPS's container killed",
      why: 'there is no other way out than the VPS',
      fault: vps('kill -9 $(pid 100)'),
      protection: openAll,
      mend: 'apply in vps',
    },
    {
      name: 'op-dbusd hung while the flows go',
      why: 'without flows the switch drops; nobody has to be there for it',
      fault: home(`${daemon}; kill -STOP $(cat /run/leaks-daemon); ovs-ofctl -O OpenFlow14 del-flows ovsbr0`),
      undo: home(endDaemon),
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'op-dbusd killed while it puts right',
      why: 'it shuts before it opens, at every step',
      fault: async (site) => {
        const after = site.random.between(50, 400) / 1000;
        const undoing = 'nft flush ruleset; ovs-ofctl -O OpenFlow14 del-flows ovsbr0';
        await site.run('home', `${daemon}; ${undoing}; sleep ${after}; kill -9 $(cat /run/leaks-daemon)`);
      },
      undo: home('rm -f /run/leaks-daemon'),
      protection: openAll,
      mend: 'apply',
    },
  ],
};
