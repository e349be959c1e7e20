// Issue 2 §4, point 5: the verification commands of container-deployment-profiles.md, as written there, where they belong.

import { capture } from '../host.ts';
import { VPS, WARP, type HostName } from '../topology.ts';
import { attach, LIST, listed, type Name } from './container.ts';
import { row, said, type Step } from './row.ts';

type Command = {
  readonly host: HostName;
  /** The container in which the specification runs it; without one, the host. */
  readonly container?: Name;
  /** As the specification writes it, without `sudo` and `lxc-attach -n NAME --`; pipes make it a shell's. */
  readonly text: string;
  readonly expect: RegExp;
};

const COMMANDS: readonly Command[] = [
  { host: 'home', text: LIST, expect: listed('wireguard-gateway', 'xray-client') },
  { host: 'home', text: 'ovs-vsctl show', expect: /Bridge ovsbr0/ },
  { host: 'home', text: 'ovs-vsctl show | grep wg-warp', expect: /Port "?wg-warp"?/ },
  ...(['home', 'vps'] as const).map((host) => ({
    host,
    text: 'ovs-ofctl dump-flows ovsbr0 | grep -E "cookie=0x(dead|cafe|beef)"',
    expect: /cookie=0xdead/,
  })),
  { host: 'home', text: 'ping -c 2 -W 2 10.0.0.100', expect: / 0% packet loss/ },
  { host: 'home', container: 'wireguard-gateway', text: 'ping -c 2 -W 2 10.0.0.101', expect: / 0% packet loss/ },
  { host: 'home', container: 'warp-tunnel', text: 'ping -c 2 -W 2 10.0.0.102', expect: / 0% packet loss/ },
  {
    host: 'home',
    container: 'warp-tunnel',
    text: 'curl -sS --max-time 15 --interface wg-warp https://www.cloudflare.com/cdn-cgi/trace/',
    expect: new RegExp(`^ip=${WARP.exit.replaceAll('.', '\\.')}$[^]*^warp=on$`, 'm'),
  },
  {
    host: 'home',
    text: 'curl -sS --max-time 15 --socks5 10.0.0.102:1080 https://ifconfig.me',
    expect: new RegExp(`^${VPS.replaceAll('.', '\\.')}$`, 'm'),
  },
  { host: 'vps', text: LIST, expect: listed('xray-server') },
  { host: 'vps', container: 'xray-server', text: 'netstat -tlnp | grep 443', expect: /:443\b.*LISTEN/ },
];

/** Runs each command and looks for what the specification says it shows. */
export async function* proveCommands(): AsyncGenerator<Step> {
  for (const { host, container, text, expect } of COMMANDS) {
    const place = container === undefined ? host : `${host}, ${container}`;
    const inside = container === undefined ? [] : attach(container);
    yield await row(`${place}: ${text}`, async () => {
      const result = await capture(host, [...inside, 'sh', '-c', text]);
      const found = expect.exec(result.stdout)?.[0].split('\n').at(-1)?.trim();
      return { ok: found !== undefined, detail: found ?? said(result) };
    });
  }
}
