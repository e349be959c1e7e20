// Captures of the lab's uplinks in files, for programs that read such files.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pid1 } from '../../src/lab/host.ts';
import { type HostName, TARGET } from '../../src/lab/topology.ts';
import { ok, okIn } from './cli.ts';

/** Ends the capture. @returns how many frames it missed. */
export type Ending = () => Promise<number>;

/** Captures both directions of host's `eth0` into `file`, `bytes` of each frame (0: all), until it is ended. */
export async function captureUplink(host: HostName, file: string, bytes = 0): Promise<Ending> {
  const { pid } = await pid1(host);
  const options = ['-i', 'eth0', '--immediate-mode', '-U', '-s', `${bytes}`, '-B', '65536', '-Z', 'root', '-w', file];
  // Only the network namespace is entered, so that the process is ours to end.
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, 'tcpdump', ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'close');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  for (let waited = 0; !said.includes('listening on'); waited += 5) {
    if (child.exitCode !== null || waited > 5000) throw new Error(`tcpdump in ${host}: ${said}`);
    await sleep(5);
  }
  return async () => {
    child.kill('SIGINT');
    await exit;
    return Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? Number.NaN);
  };
}

/** Captures `host`'s uplink while `talk` goes on; no frame may be missing. */
export async function during(host: HostName, file: string, talk: () => Promise<void>): Promise<void> {
  const end = await captureUplink(host, file);
  try {
    await talk();
    await sleep(100);
  } finally {
    assert.equal(await end(), 0, `frames of ${host} are missing`);
  }
}

/**
 * Captures both uplinks into the folder, from before the proxy's connection is there: how a flow begins is what is told
 * most by. @returns the two files.
 */
export async function uplinks(
  folder: string,
  talk: () => Promise<void>,
): Promise<{ readonly home: string; readonly vps: string }> {
  const files = { home: `${folder}/home.pcap`, vps: `${folder}/vps.pcap` };
  await ok('op-dbus', 'exec', 'xray-client', '--', 'systemctl', 'stop', 'xray');
  // Else its end of the old connection would still say something.
  await okIn('vps', 'op-dbus', 'exec', 'xray-server', '--', 'systemctl', 'restart', 'xray');
  const begin = async (): Promise<void> => {
    await ok('op-dbus', 'exec', 'xray-client', '--', 'systemctl', 'start', 'xray');
    await carries();
    await talk();
  };
  await during('home', files.home, () => during('vps', files.vps, begin));
  return files;
}

/** Waits until the client gets through: its tunnel's first handshake, or the proxy's new connection. */
export async function carries(): Promise<void> {
  await okIn('client', 'timeout', '60', 'sh', '-c', `until ping -n -c 1 -W 1 ${TARGET.ip}; do :; done`);
}
