// Faults: what op-dbus itself does to the host under load: apply, another level, rollback, down, and ends of each half way.

import { TARGET } from '../topology.ts';
import type { Family } from './fault.ts';
import { openAll } from './opening.ts';
import { home, type Site, STATE } from './site.ts';

const level = (value: number): string =>
  `sed 's/"obfuscation_level": 3/"obfuscation_level": ${value}/' ${STATE} >/etc/op-dbus/other.json; op-dbus apply /etc/op-dbus/other.json >/dev/null`;

/** Runs a script in home while the client downloads. */
const loaded =
  (script: string) =>
  async ({ run }: Site): Promise<void> => {
    const load = run(
      'client',
      `curl -s --max-time 3 --limit-rate 3M http://${TARGET.ip}/bytes/20000000 >/dev/null || true`,
    );
    await Promise.all([load, run('home', script)]);
  };

/** Kills `op-dbus …` after a while that the seed tells. */
const killed =
  (command: string, longest: number) =>
  async ({ run, random }: Site): Promise<void> => {
    const after = random.between(100, longest) / 1000;
    await run('home', `setsid ${command} >/dev/null 2>&1 & pid=$!; sleep ${after}; kill -9 -$pid 2>/dev/null || true`);
  };

export const change: Family = {
  name: 'change',
  faults: [
    {
      name: 'another level under load',
      why: 'flows are changed in one bundle: no packet meets half of them',
      fault: loaded(`${level(1)}; ${level(0)}`),
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'apply under load',
      why: 'what is missing is added shut first: filter, rules, switch, and then what sends',
      fault: loaded(`ovs-ofctl -O OpenFlow14 del-flows ovsbr0; nft flush ruleset; op-dbus apply ${STATE} >/dev/null`),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'rollback under load',
      why: 'it runs the same steps in the same order as apply',
      fault: loaded(`${level(1)}; op-dbus rollback >/dev/null`),
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'a change that nobody confirms',
      why: 'it is undone by the same steps in the same order as apply',
      fault: home(`${level(2)} --confirm 1; sleep 2`),
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'kill -9 of apply',
      why: 'it shuts before it opens, at every step',
      fault: async (site) => {
        await site.run(
          'home',
          'ovs-ofctl -O OpenFlow14 del-flows ovsbr0; nft flush ruleset; net 101 ip link delete wg-warp',
        );
        await killed(`op-dbus apply ${STATE}`, 900)(site);
      },
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'kill -9 of down',
      why: 'it takes down from the entry outwards, and the host stops forwarding last of all',
      fault: killed('op-dbus down', 1800),
      protection: openAll,
      sees: /^home: the (client|LAN)'s: /,
      mend: 'apply',
      session: true,
    },
    {
      name: 'boot order reversed',
      why: "a container's hook loads filter and rules before forwarding is on, whichever is first",
      fault: home(
        `for id in 100 101 102; do kill -9 $(pid $id); done; sleep 0.3
         nft flush ruleset; ip -4 rule flush protocol 219; ip -6 rule flush protocol 219; sysctl -qw net.ipv4.ip_forward=0
         how='kill -9 $pid'; again ovs-vswitchd 0
         for id in 102 101 100; do power on $id >/dev/null 2>&1 || true; done`,
      ),
      protection: openAll,
      sees: /^home: the (client|LAN)'s: /,
      mend: 'apply',
      session: true,
    },
  ],
};
