// Faults: the VPS, WARP and the uplink refuse, swallow, are late or somebody else.

import { TARGET, VPS } from '../topology.ts';
import type { HostName } from '../topology.ts';
import type { Family } from './fault.ts';
import { openAll } from './opening.ts';
import { home, type Site } from './site.ts';

const on =
  (host: HostName, script: string) =>
  async ({ run }: Site): Promise<void> =>
    void (await run(host, script));

const why = 'nothing falls back to another way: there is none';
const shut = (what: string): string =>
  `nft 'table inet cut { chain arrivals { type filter hook prerouting priority -500; iifname "eth0" ${what}; }; }'`;
const open = 'nft delete table inet cut 2>/dev/null || true';
const late = (signal: string): string => `pkill -${signal} -f '[w]ireguard-go warp0'`;

export const outside: Family = {
  name: 'outside',
  faults: [
    {
      name: 'the VPS refuses',
      why,
      fault: on(
        'vps',
        `nft 'table inet cut { chain arrivals { type filter hook forward priority -500; tcp dport 443 reject with tcp reset; }; }'`,
      ),
      undo: on('vps', open),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'the VPS swallows all',
      why,
      fault: on('vps', shut('drop')),
      undo: on('vps', open),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'the VPS is late',
      why,
      fault: on('vps', 'proxy 100 STOP'),
      undo: on('vps', 'proxy 100 CONT'),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: "somebody else answers at the VPS's address",
      why: 'the proxy trusts the certificate of the VPS alone',
      fault: async ({ run }) => {
        await run(
          'inet',
          `nft 'table ip cut { chain to { type nat hook prerouting priority -100; ip daddr ${VPS} tcp dport 443 dnat to ${TARGET.ip}; }; }'; conntrack -F 2>/dev/null || true`,
        );
        await run('home', 'proxy 102 9');
      },
      undo: on('inet', 'nft delete table ip cut 2>/dev/null; conntrack -F 2>/dev/null || true'),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'WARP refuses',
      why,
      fault: on(
        'warp',
        `nft 'table inet cut { chain arrivals { type filter hook input priority -500; udp dport 2408 reject; }; }'`,
      ),
      undo: on('warp', open),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'WARP swallows all',
      why,
      fault: on('warp', shut('drop')),
      undo: on('warp', open),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'WARP is late',
      why,
      fault: on('warp', `${late('STOP')} || ${shut('drop')}`),
      undo: on('warp', `${late('CONT')} || ${open}`),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'the uplink is lost and found',
      why: 'what waits is dropped; nothing else is an uplink',
      fault: home(
        `ip link set eth0 down; sleep 0.4; ip link set eth0 up
         ip -6 addr replace 2a01:e0a:50::2/64 dev eth0 nodad; ip route replace default via 82.64.20.1; ip -6 route replace default via 2a01:e0a:50::1`,
      ),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: 'the uplink has another address',
      why: 'what is translated to an old address is no one’s, and goes nowhere',
      fault: home(`ip addr add 82.64.20.77/24 dev eth0; conntrack -D -d ${VPS} >/dev/null 2>&1 || true`),
      undo: home('ip addr del 82.64.20.77/24 dev eth0 2>/dev/null || true'),
      protection: openAll,
      mend: 'itself',
    },
  ],
};
