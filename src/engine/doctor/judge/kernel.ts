// What the kernel can do, and who does it instead.

import type { Module, Outcome } from '../../../drivers/machine/contract.ts';
import type { Answer, Facts } from '../fact.ts';
import { forKernel, known, less, no, unknown, valueOf, type Verdict, works } from '../finding.ts';

/** Debian's own kernels have all that is asked for here; cut-down ones don't. */
const kernel = 'apt-get install linux-image-$(dpkg --print-architecture) && reboot';

export function openvswitch(facts: Facts): Verdict {
  return known([facts.modules], ({ openvswitch: state }) => {
    if (state !== 'absent') return works(state);
    if (valueOf(facts.tun)?.result === 'fails')
      return no('not in this kernel, and no tun for the userspace datapath', forKernel(facts, kernel));
    return less('not in this kernel: the userspace datapath does it', forKernel(facts, kernel));
  });
}

/** What containers use for want of it is in their template: wireguard-go, which needs tun alone. */
export function wireguard(facts: Facts): Verdict {
  return known([facts.modules], ({ wireguard: state }) => {
    if (state !== 'absent') return works(state);
    const tried = valueOf(facts.wireguard)?.result;
    if (tried === 'works') return works('built in');
    if (valueOf(facts.tun)?.result === 'fails')
      return no('not in this kernel, and no tun for wireguard-go', forKernel(facts, kernel));
    const found = tried === 'untried' ? 'not loaded' : 'not in this kernel';
    return less(`${found}: wireguard-go does it`, forKernel(facts, tried === 'untried' ? load('wireguard') : kernel));
  });
}

export function conntrack(facts: Facts): Verdict {
  return known([facts.modules], ({ nf_conntrack: state }) => {
    if (state !== 'absent') return works(state);
    if (valueOf(facts.nftables)?.result === 'works') return works('built in');
    return no('not in this kernel', forKernel(facts, kernel));
  });
}

export function tun(facts: Facts): Verdict {
  return device(facts, 'tun', facts.tun);
}

export function veth(facts: Facts): Verdict {
  return device(facts, 'veth', facts.veth);
}

/** By the try where there was one; without root, by what the kernel tells of its modules. */
function device(facts: Facts, name: 'tun' | 'veth', tried: Answer<Outcome>): Verdict {
  const state: Module | undefined = valueOf(facts.modules)?.[name];
  if (valueOf(tried) === undefined && state !== undefined && state !== 'absent') return works(state);
  return known([tried], ({ result, detail }) => {
    if (result === 'works') return works(state === undefined || state === 'absent' ? 'built in' : state);
    if (result === 'loadable') return works('loadable');
    if (result === 'untried')
      return unknown('not loaded, and not tried: that could load it', forKernel(facts, load(detail)));
    if (name === 'tun' && state !== 'absent') return no(`refused: ${detail}`, access);
    return no(`not in this kernel: ${detail}`, forKernel(facts, kernel));
  });
}

const access = 'mkdir -p /dev/net && mknod -m 600 /dev/net/tun c 10 200';

function load(module: string): string {
  return `modprobe ${module}`;
}
