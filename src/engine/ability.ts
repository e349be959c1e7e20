// What a transport asks of the proxy program, and whether the one at hand can do it.

import type { Facts, Member } from '../core/topology.ts';
import type { Exec } from '../drivers/exec.ts';
import { OpError } from '../error.ts';

export type Ability = 'Vision' | 'REALITY';

/** What the state asks of the program of this container. */
export function abilitiesOf({ xray }: Pick<Member, 'xray'>): readonly Ability[] {
  const { inbound, outbound } = xray ?? {};
  const vless = [
    ...(inbound?.protocol === 'vless' ? inbound.settings.clients : []),
    ...(outbound?.protocol === 'vless' ? [outbound] : []),
  ];
  const vision = vless.some(({ flow }) => flow !== '');
  const reality =
    (inbound?.protocol === 'vless' && inbound.streamSettings.security === 'reality') ||
    (outbound?.protocol === 'vless' && outbound.reality !== undefined);
  return [...(vision ? (['Vision'] as const) : []), ...(reality ? (['REALITY'] as const) : [])];
}

/** Both of these are tried with the program's own checker. */
const trials: Readonly<Record<Ability, { readonly right: unknown; readonly wrong: unknown }>> = {
  Vision: { right: trial('xtls-rprx-vision'), wrong: trial('no-such-flow') },
  REALITY: { right: trial('', 'A'.repeat(43)), wrong: trial('', 'no-key') },
};

/**
 * Whether the program takes a configuration with it and refuses a wrong one. The second is what counts: v2ray takes both,
 * for it doesn't read what it doesn't know, and then there would be no TLS. `check` is the checker's argument vector, which reads stdin.
 */
export async function can(exec: Exec, check: readonly [string, ...string[]], ability: Ability): Promise<boolean> {
  const { right, wrong } = trials[ability];
  const [takes, mistakes] = await Promise.all(
    [right, wrong].map(async (config) => (await exec(check, { stdin: JSON.stringify(config) })).code === 0),
  );
  return takes === true && mistakes === false;
}

/** By program and ability: asked once, for the daemon looks often. */
const known = new Map<string, Promise<boolean>>();

/** @throws AggregateError of OpErrors `host`: each container whose transport the program can't do. */
export async function ensureAble(exec: Exec, proxy: Facts['proxy'], members: readonly Member[]): Promise<void> {
  const asked = members.flatMap((member) => abilitiesOf(member).map((ability) => ({ ability, name: member.name })));
  const lacking = await Promise.all(
    asked.map(async ({ ability, name }) =>
      (await hasAbility(exec, proxy, ability)) ? [] : [lack(name, ability, proxy)],
    ),
  );
  if (lacking.flat().length > 0) throw new AggregateError(lacking.flat());
}

/** Debian's v2ray can do neither (ability.test.ts asks it); it is in the containers, where there may be none yet. */
async function hasAbility(exec: Exec, proxy: Facts['proxy'], ability: Ability): Promise<boolean> {
  if (proxy.program === 'v2ray') return false;
  const key = `${proxy.path} ${ability}`;
  const answer = known.get(key) ?? can(exec, [proxy.path, 'run', '-test', '-c', 'stdin:'], ability);
  known.set(key, answer);
  return answer;
}

function lack(container: string, ability: Ability, proxy: Facts['proxy']): OpError {
  const program = proxy.program === 'xray' ? proxy.path : "Debian's v2ray";
  const plain = ability === 'Vision' ? ', or write "flow": "" on both ends, which is found more easily' : '';
  return new OpError('host', `${program} can't do ${ability}`, {
    at: container,
    hint: `Xray can: sudo ./install.sh --xray FILE --xray-sha256 SUM puts it on this host${plain}.`,
  });
}

function trial(flow: string, publicKey?: string): unknown {
  const users = [{ id: '00000000-0000-4000-8000-000000000000', encryption: 'none', flow }];
  const serverName = 'www.example.com';
  const settings = { vnext: [{ address: '192.0.2.1', port: 443, users }] };
  const streamSettings =
    publicKey === undefined
      ? { network: 'tcp', security: 'tls', tlsSettings: { serverName } }
      : {
          network: 'tcp',
          security: 'reality',
          realitySettings: { serverName, fingerprint: 'chrome', publicKey, shortId: 'aa' },
        };
  return { outbounds: [{ protocol: 'vless', settings, streamSettings }] };
}
