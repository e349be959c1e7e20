// Faults: packet filters, routing rules and conntrack flushed, and filter files that don't parse.

import type { Family } from './fault.ts';
import { openAll, openRules, openTable } from './opening.ts';
import { home } from './site.ts';

const kept = '/var/lib/op-dbus/filter/host.nft';
const inside = '/var/lib/op-dbus/container/xray-client/filter.nft';

export const filter: Family = {
  name: 'filter',
  faults: [
    {
      name: "the host's nftables flushed",
      why: 'what carries no mark is not forwarded: rules drop it',
      fault: home('nft flush ruleset'),
      protection: openRules,
      mend: 'apply',
    },
    {
      name: "the host's nftables flushed and loaded, again and again",
      why: 'the chain that marks is the first to go, the rules drop what is not marked',
      fault: home(`for try in $(seq 20); do nft flush ruleset; sleep 0.02; nft -f ${kept}; sleep 0.05; done`),
      protection: openRules,
      mend: 'apply',
    },
    {
      name: "the host's rules flushed",
      why: 'the table drops by itself',
      fault: home('ip -4 rule flush protocol 219; ip -6 rule flush protocol 219'),
      protection: openTable,
      mend: 'apply',
    },
    {
      name: "the containers' nftables flushed",
      why: 'the switch takes from each what its policy says, and the host what is from 102 to the VPS',
      fault: home('for id in 100 101 102; do net $id nft flush ruleset; done'),
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'a foreign table that accepts all',
      why: 'an accept is not the last word in nftables, a drop is',
      fault: home(
        "nft 'table inet foreign { chain early { type filter hook forward priority -300; policy accept; accept; }; chain late { type filter hook forward priority 300; policy accept; accept; }; }'",
      ),
      undo: home('nft delete table inet foreign 2>/dev/null || true'),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: "the host's conntrack flushed",
      why: 'what conntrack has forgotten must match a rule as if it were new',
      fault: home('for try in $(seq 10); do conntrack -F >/dev/null 2>&1; sleep 0.05; done'),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: "the switch's conntrack flushed",
      why: 'what conntrack has forgotten must match a policy as if it were new',
      fault: home('for try in $(seq 10); do ovs-appctl dpctl/flush-conntrack; sleep 0.05; done'),
      protection: openAll,
      mend: 'itself',
    },
    {
      name: "the host's filter file does not parse",
      why: 'nft loads all of a file or nothing; after a boot no container starts and nothing is forwarded without it',
      fault: home(
        `sed -i 's/chain forward/chian forward/' ${kept}; ! nft -f ${kept} 2>/dev/null; kill -9 $(pid 102); sleep 0.3
         nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0; ! lxc-start -n $(name 102) 2>/dev/null`,
      ),
      protection: openAll,
      mend: 'apply',
    },
    {
      name: "a container's filter file does not parse",
      why: 'its hook stops the start: there is no container without its filter',
      fault: home(
        `sed -i 's/chain forward/chian forward/' ${inside}; kill -9 $(pid 102); sleep 0.3; ! lxc-start -n $(name 102) 2>/dev/null`,
      ),
      protection: openAll,
      mend: 'apply',
    },
  ],
};
