// Whole states, and a machine of fakes that they can be applied to.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from '../src/core/state/parse.ts';
import type { State } from '../src/core/state/schema.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { type FakeNet, fakeNet } from '../src/drivers/net/fake.ts';
import type { Host } from '../src/drivers/host.ts';
import { enrol, type FakeHost, fakeHost, netclient, trials } from './fake-host.ts';

const read = (name: string): string => readFileSync(`test/golden/${name}/state.json`, 'utf8');
export const client = read('privacy-client');

/** Adds a container to the file. */
function beside(text: string, container: object): string {
  const file = JSON.parse(text) as { plugins: { lxc: { containers: object[] } } };
  file.plugins.lxc.containers.push(container);
  return JSON.stringify(file);
}

/** 102 becomes 112, in every place, and keeps its address; a port's name that stays leads to another number. */
const renumbered = client.replace('"id": 102', '"id": 112').replaceAll(/("container_id": "|container:)102/g, '$1112');
const plain = { id: 105, name: 'web-server', network: { veth: true, ipv4: '10.0.0.105/24' } };

/** The agent's plugins, about units that the fake systemd has. */
function agent(units: object, properties: object): string {
  const where = { destination: 'org.freedesktop.systemd1', path: '/org/freedesktop/systemd1' };
  const objects = [{ ...where, interface: 'org.freedesktop.systemd1.Manager', properties }];
  return JSON.stringify({ systemd: { units }, dbus: { objects } });
}
const limit = { 'limit.conf': '[Service]\nMemoryMax=1G\n' };

export const texts = {
  none: read('none'),
  client,
  vps: read('privacy-vps'),
  'client with a plain container': beside(client, plain),
  'client with general containers': read('general'),
  'client with another id': renumbered.replaceAll('internal_102', 'internal_112'),
  'client with another id behind the same port name': renumbered,
  'client at another level': client.replace('"obfuscation_level": 3', '"obfuscation_level": 1'),
  'client with another peer': client.replace('"10.99.0.0/24"', '"10.99.0.7/32"'),
  agent: agent(
    {
      'ssh.service': { enabled: true, active: true, drop_ins: limit },
      'old.service': { masked: false, enabled: true, active: true },
      'cron.service': { masked: true, enabled: false, active: false },
    },
    { LogLevel: 'debug', RuntimeWatchdogUSec: '18446744073709551615' },
  ),
  'agent with other units': agent(
    {
      'ssh.service': { active: false, drop_ins: { 'a.conf': '[Unit]\n' } },
      'cron.service': { drop_ins: limit, active: true },
    },
    { LogLevel: 'notice', ServiceWatchdogs: false },
  ),
};
export type Name = keyof typeof texts;
export type Given = Name | { readonly text: string };

export function stateOf(given: Given): State {
  const text = typeof given === 'string' ? texts[given] : given.text;
  const parsed = parse(text);
  assert.ok('state' in parsed, `${text}: ${JSON.stringify(parsed)}`);
  return parsed.state;
}

/** A machine with an uplink, two names, and what the golden cases have in their `files` folders. */
export async function machine(net: FakeNet = fakeNet([], 'eth0')): Promise<FakeHost> {
  const host = fakeHost([], net);
  const names = { 'engage.cloudflareclient.com': ['162.159.192.1'], 'vps.example.net': ['95.216.30.2'] };
  for (const name of ['privacy-client', 'privacy-vps'])
    for (const file of readdirSync(`test/golden/${name}/files`, { recursive: true, withFileTypes: true })) {
      const path = `${file.parentPath}/${file.name}`;
      const inside = path.slice(`test/golden/${name}`.length);
      if (file.isFile()) await host.files.write(`/golden${inside}`, readFileSync(path, 'utf8'));
    }
  await enrol(host);
  const known = { names, nameservers: ['9.9.9.9'], datapath: 'netdev', programs: netclient, trials } as const;
  return { ...host, machine: fakeMachine(known) };
}

/** The same machine so many seconds later. */
export function after<H extends Host>(host: H, seconds: number): H {
  return { ...host, machine: { ...host.machine, uptime: async () => (await host.machine.uptime()) + seconds } };
}
