// How the anti-tests switch protections off: each opening is as small as lets its faults leak. `apply` closes all of them.

import { type Site, STATE } from './site.ts';

export type Opening = {
  /** What is switched off. */
  readonly name: string;
  /** A script for home. */
  readonly script: string;
  /** What then has to leak, as `PLACE: WHAT`; a fault may say it more exactly. */
  readonly sees: RegExp;
};

const any = /^home: /;
const clients = /^home: the client's: /;

/** The host as a plain router: it forwards and translates whatever comes. */
const table = `nft -f - <<'X'
table inet op_dbus
delete table inet op_dbus
table inet op_dbus {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname != "ovsbr0" fib daddr type local udp dport 51820 dnat ip to 10.0.0.100
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth0" masquerade
  }
}
X
sysctl -qw net.ipv6.conf.all.forwarding=1`;
const rules = 'ip -4 rule flush protocol 219; ip -6 rule flush protocol 219';

/** The host drops nothing: only the switch and the containers are left. */
export const openHost: Opening = { name: "the host's table and rules", script: `${table}\n${rules}`, sees: any };

/** The table drops nothing, the rules still do. */
export const openTable: Opening = { name: "the host's table", script: table, sees: any };

/** The table still drops, nothing is there when it goes. */
export const openRules: Opening = { name: "the host's rules", script: rules, sees: any };

/** As if the bridge were no more than a switch, and the host no more than a router. */
export const openAll: Opening = {
  name: "the host's table and rules, the switch's flows",
  script: `${openHost.script}
ovs-vsctl set-fail-mode ovsbr0 standalone
ovs-ofctl -O OpenFlow14 del-flows ovsbr0
ovs-ofctl -O OpenFlow14 add-flow ovsbr0 actions=NORMAL`,
  sees: clients,
};

/** A bridge without flows learns and floods, instead of dropping. */
export const openBridge: Opening = {
  name: "the host's table and rules, the bridge's fail_mode=secure",
  script: `${openHost.script}\novs-vsctl set-fail-mode ovsbr0 standalone`,
  sees: clients,
};

/** 101 may send anything past its tunnel, and the switch takes it to the host. The flows that steer stay. */
export const openWarp: Opening = {
  name: "the host's table and rules, 101's pin, filter and unreachable route",
  script: `${openHost.script}
ovs-ofctl -O OpenFlow14 add-flow ovsbr0 'table=10,priority=900,ip,in_port=internal_101,actions=set_field:02:0a:00:00:00:01->eth_dst,LOCAL'
net 101 ip route del unreachable default metric 9999 table 51820
net 101 nft -f - <<'X'
table inet op_dbus
delete table inet op_dbus
table inet op_dbus {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname { "wg-warp", "internal_101" } masquerade
  }
}
X`,
  sees: clients,
};

/** Closes it. What has left without a translation is tracked so by the kernel, and is forgotten. */
export async function close(opening: Opening, { run }: Site): Promise<void> {
  const untranslated = opening === openRules ? 'conntrack -D -s 10.0.0.102 >/dev/null 2>&1 || true' : '';
  await run(
    'home',
    `sysctl -qw net.ipv6.conf.all.forwarding=0
     ! kill -0 $(pid 101) 2>/dev/null || net 101 ip route replace unreachable default metric 9999 table 51820
     op-dbus apply ${STATE} >/dev/null || exit
     ${untranslated}`,
  );
}
