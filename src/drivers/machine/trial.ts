// What is best told by doing it: in a network namespace that goes with the program (unshare(1), ip-link(8), tc(8), nft(8)).

import { OpError } from '../../error.ts';
import type { Exec } from '../exec.ts';
import type { Files } from '../files/contract.ts';
import type { Outcome, Trial } from './contract.ts';
import { padProgram } from '../tc/client.ts';
import { tcLines } from '../tc/text.ts';
import { moduleState, takesModules } from './module.ts';

type Way = {
  /** What it is made of; the kernel would load what is not there. */
  readonly modules: readonly string[];
  readonly argv: readonly string[];
  readonly stdin?: string;
  /** A file without which there is nothing to try. */
  readonly needs?: string;
};

const ways: Readonly<Record<Trial, Way>> = {
  tun: { modules: ['tun'], argv: ['ip', 'tuntap', 'add', 'dev', 'try0', 'mode', 'tun'] },
  veth: { modules: ['veth'], argv: ['ip', 'link', 'add', 'dev', 'try0', 'type', 'veth', 'peer', 'name', 'try1'] },
  wireguard: { modules: ['wireguard'], argv: ['ip', 'link', 'add', 'dev', 'try0', 'type', 'wireguard'] },
  clsact: {
    modules: ['sch_ingress', 'cls_bpf'],
    argv: ['tc', '-batch', '-'],
    needs: padProgram(),
    stdin: `${tcLines('lo', { sizes: [1280] }, padProgram()).join('\n')}\n`,
  },
  nftables: {
    modules: ['nf_tables', 'nf_conntrack', 'nft_ct', 'nf_nat', 'nft_chain_nat', 'nft_masq'],
    argv: ['nft', '-f', '-'],
    stdin: `table inet try {
  chain forward {
    type filter hook forward priority 0
    ct state established accept
  }
  chain postrouting {
    type nat hook postrouting priority 100
    masquerade
  }
}
`,
  },
};

export async function attempt(exec: Exec, files: Files, trial: Trial): Promise<Outcome> {
  const { modules, argv, stdin, needs } = ways[trial];
  if (needs !== undefined && (await files.mode(needs)) === null)
    return { result: 'fails', detail: `${needs} was not compiled` };
  const found = await Promise.all(modules.map(async (name) => ({ name, state: await moduleState(files, name) })));
  const loadable = found.filter(({ state }) => state === 'loadable');
  if (loadable.length > 0) return { result: 'loadable', detail: names(loadable) };
  const unseen = found.filter(({ state }) => state === 'absent');
  // From a container too the kernel loads what is asked for, on the machine around it: where it can, that is not done.
  if (unseen.length > 0 && (await takesModules(files)) && (await files.list('/lib/modules')).length === 0)
    return { result: 'untried', detail: names(unseen) };
  try {
    const options = { deadline: 4000, ...(stdin === undefined ? {} : { stdin }) };
    const { code, stderr } = await exec(['unshare', '--net', '--', ...argv], options);
    return code === 0 ? { result: 'works', detail: '' } : { result: 'fails', detail: said(stderr) };
  } catch (error) {
    if (error instanceof OpError && error.code === 'host') return { result: 'fails', detail: error.message };
    throw error;
  }
}

function names(modules: readonly { readonly name: string }[]): string {
  return modules.map(({ name }) => name).join(', ');
}

/** What the kernel said, else the first line. */
function said(stderr: string): string {
  const all = stderr.split('\n').filter((line) => line.trim() !== '');
  const telling = all.find((line) => /^(Error|RTNETLINK|ioctl|unshare)\b/.test(line)) ?? all[0] ?? 'no message';
  return telling.replace(/^Error: /, '');
}
