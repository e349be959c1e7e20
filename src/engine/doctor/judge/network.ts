// The host's own packet filter and forwarding.

import type { Facts } from '../fact.ts';
import { forKernel, install, known, less, no, unknown, type Verdict, works } from '../finding.ts';

export function nftables(facts: Facts): Verdict {
  return known([facts.nft, facts.nftables], (version, { result, detail }) => {
    if (version === null) return no('not installed', install('nftables'));
    if (result === 'works') return works(`${version}, a table can be loaded`);
    if (result === 'loadable') return works(`${version}; not tried, that would load ${detail}`);
    const fix = forKernel(facts, `modprobe -a nf_tables nft_ct nft_chain_nat nft_masq`);
    if (result === 'untried') return unknown(`${version}; not tried, that could load ${detail}`, fix);
    return no(`${version}: no table can be loaded: ${detail}`, fix);
  });
}

export function forwarding(facts: Facts): Verdict {
  return known([facts.forwarding], (value) => {
    if (value === null) return no('no such setting', 'mount -t proc proc /proc');
    if (value === '1') return works('1: whatever the host forwards; op-dbus filters its own bridges');
    return 'value' in facts.forwardingWritable && !facts.forwardingWritable.value
      ? no('0, and can only be read', forKernel(facts, 'sysctls must be writable inside (lxc.mount.auto = proc:rw)'))
      : works('0: apply turns it on, for its bridges alone');
  });
}

export function reversePath({ reversePath: asked }: Facts): Verdict {
  return known([asked], (value) =>
    value === '1'
      ? less('1 (strict): with two uplinks, answers may be dropped', 'sysctl -w net.ipv4.conf.all.rp_filter=2')
      : works(value === null ? 'no such setting' : value),
  );
}
