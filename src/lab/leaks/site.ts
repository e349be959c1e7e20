// What a fault works on: the lab's hosts, the containers of home, and frames that a container's root sends.

import { source } from '../../drivers/source.ts';
import { ask } from '../host.ts';
import { attach, start, stop } from '../prove/container.ts';
import { HOME, type HostName } from '../topology.ts';
import type { Member, Words } from './judge.ts';
import type { Random } from './random.ts';

export type Site = {
  /** Runs a bash script in a host, with the functions of PRELUDE, and insists on exit status 0. @returns what it printed. */
  readonly run: (host: HostName, script: string) => Promise<string>;
  /** Sends Ethernet frames from inside a container, past its own packet filter. */
  readonly send: (from: Member, frames: readonly Buffer[]) => Promise<void>;
  readonly random: Random;
  readonly words: Words;
};

export const STATE = '/etc/op-dbus/state.json';

/**
 * `pid ID`, `net ID COMMAND` in its network namespace, `at ID COMMAND` inside, `power on|off ID`, `proxy ID SIGNAL`; `again DAEMON [SECONDS]` ends
 * one of Open vSwitch's daemons by `$how` and starts it as it was.
 */
const PRELUDE = `
name() { case $(hostname)$1 in home100) echo wireguard-gateway;; home101) echo warp-tunnel;; home102) echo xray-client;; *) echo xray-server;; esac; }
pid() { cut -d' ' -f1 /var/lib/op-dbus/container/$(name $1)/pid; }
net() { local id=$1; shift; nsenter --net=/proc/$(pid $id)/ns/net "$@"; }
at() {
  local id=$1; shift
  case $(name $id) in
    wireguard-gateway) ${attach('wireguard-gateway').join(' ')} "$@";;
    warp-tunnel) ${attach('warp-tunnel').join(' ')} "$@";;
    xray-client) ${attach('xray-client').join(' ')} "$@";;
    *) ${attach('xray-server').join(' ')} "$@";;
  esac
}
power() {
  case $1$2 in
    on100) ${start('wireguard-gateway').join(' ')};; on101) ${start('warp-tunnel').join(' ')};; on102) ${start('xray-client').join(' ')};;
    off100) ${stop('wireguard-gateway').join(' ')};; off101) ${stop('warp-tunnel').join(' ')};; off102) ${stop('xray-client').join(' ')};;
  esac
}
# Sends a signal to a member's proxy, once it runs: it may just have been started again.
proxy() {
  for try in $(seq 40); do at $1 pgrep -x 'v2ray|xray' >/dev/null && break; sleep 0.1; done
  at $1 pkill -$2 -x 'v2ray|xray'
}
gone() { while kill -0 $1 2>/dev/null; do sleep 0.01; done; }
again() {
  local file=/run/openvswitch/$1.pid pid start
  pid=$(cat $file); start=$(xargs -0 -a /proc/$pid/cmdline printf "%q ")
  eval "$how"; gone $pid; rm -f $file; sleep \${2:-0.3}; eval "$start" </dev/null >/dev/null 2>&1
}
`;

export function site(random: Random, words: Words): Site {
  const run = async (host: HostName, script: string, stdin?: string): Promise<string> =>
    ask(host, ['bash', '-c', `${PRELUDE}\n${script}`], { deadline: 60_000, ...(stdin === undefined ? {} : { stdin }) });
  return {
    run,
    send: async (from, frames) => {
      const lines = frames.map((frame) => `${frame.toString('hex')}\n`).join('');
      await run('home', `net ${from} perl ${source('src/lab/leaks/send.pl')} internal_${from}`, lines);
    },
    random,
    words,
  };
}

/** A step that is a script in home. */
export const home =
  (script: string) =>
  async ({ run }: Site): Promise<void> =>
    void (await run('home', script));

/** The client's WireGuard forgets its session and makes a new one at once, as it would by itself after 15 s. */
export async function newSession({ run }: Site): Promise<void> {
  await run(
    'client',
    `read -r key rest < <(wg show wg0 allowed-ips)
     wg set wg0 peer $key remove peer $key endpoint ${HOME.lan}:51820 allowed-ips 0.0.0.0/0,::/0 persistent-keepalive 25`,
  );
}
