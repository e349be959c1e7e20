// A host made of all the fakes.

import { type FakeContainers, fakeContainers } from '../src/drivers/container/fake.ts';
import type { ExecResult } from '../src/drivers/exec.ts';
import { scriptedExec } from '../src/drivers/exec.fake.ts';
import { fakeControl } from '../src/drivers/control/fake.ts';
import { type FakeDBus, fakeDBus } from '../src/drivers/dbus/fake.ts';
import { fakeSystemd, type FakeSystemd } from '../src/drivers/dbus/systemd.fake.ts';
import { type FakeFiles, fakeFiles } from '../src/drivers/files/fake.ts';
import type { Host } from '../src/drivers/host.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { type FakeNet, fakeNet } from '../src/drivers/net/fake.ts';
import { fakeNft } from '../src/drivers/nft/fake.ts';
import { fakeOpenFlow } from '../src/drivers/openflow/fake.ts';
import type { Ovsdb, Step } from '../src/drivers/ovsdb/contract.ts';
import { fakeOvsdb } from '../src/drivers/ovsdb/fake.ts';
import { fakeSecrets } from '../src/drivers/secret/fake.ts';
import { samples } from '../src/kinds/container/samples.ts';

export type FakeHost = Host & {
  readonly containers: FakeContainers;
  readonly dbus: FakeDBus;
  readonly files: FakeFiles;
  readonly systemd: FakeSystemd;
};

/** `refuse` names programs that end with status 1 inside containers. */
export function fakeHost(refuse: readonly string[] = [], net: FakeNet = fakeNet()): FakeHost {
  const files = fakeFiles();
  const ovsdb = fakeOvsdb();
  const active = new Set<string>();
  const units = fakeSystemd();
  return {
    ovsdb: withDevices(ovsdb, net),
    openflow: fakeOpenFlow(ovsdb),
    control: fakeControl({}),
    net,
    nft: fakeNft(),
    containers: fakeContainers(systemd(refuse, active), active),
    files,
    secrets: fakeSecrets(files),
    machine: fakeMachine({ trials }),
    dbus: fakeDBus(units.serve),
    systemd: units,
    exec: scriptedExec(() => undefined).exec,
  };
}

/** The database with the devices that its switch makes, in `net`. */
export function withDevices(ovsdb: Ovsdb, net: FakeNet): Ovsdb {
  return { ...ovsdb, transact: (steps, comment) => ovsdb.transact(steps, comment).then(() => devices(steps, net)) };
}

/** The switch makes a bridge's device, and removes it with all its addresses. */
function devices(steps: readonly Step[], net: FakeNet): void {
  for (const step of steps) {
    if (step.op === 'delete-bridge') net.table.delete(step.name);
    if (step.op !== 'put-bridge' || net.table.has(step.bridge.name)) continue;
    net.table.set(step.bridge.name, { name: step.bridge.name, mac: null, mtu: 1500, up: false, addresses: [] });
  }
}

/** Makes and starts containers that are no concern of the test at hand. */
export async function withContainers(host: Host, names: readonly string[]): Promise<void> {
  const { running: _, attached: _a, ...definition } = samples[1]?.[0]?.spec ?? never();
  await host.containers.prepare(definition.template, () => {});
  for (const [index, name] of names.entries()) {
    await host.containers.create(name, { ...definition, id: 100 + index });
    await host.containers.start(name);
  }
}

/** Programs of a machine whose containers may join a Netmaker mesh. */
export const netclient = { netclient: '/usr/local/bin/netclient' };

/** What a machine must be able to do for levels 2 and 3. */
export const trials = { clsact: { result: 'works', detail: '' } } as const;

/** Puts an enrolment token where the user does. */
export async function enrol({ files }: Pick<Host, 'files'>): Promise<void> {
  const token = Buffer.from('{"server":"api.example.net","value":"an example"}').toString('base64');
  await files.write('/etc/op-dbus/netmaker.env', `NETMAKER_TOKEN="${token}"\n`);
}

function never(): never {
  throw new TypeError('kind container has no sample');
}

/** Just enough of systemctl to know which units run, in any container; `active` holds them as `CONTAINER/UNIT`. */
function systemd(
  refuse: readonly string[],
  active: Set<string>,
): (name: string, argv: readonly string[]) => ExecResult {
  const ok = { code: 0, stdout: '', stderr: '' };
  return (name, [program = '', verb = '', ...units]) => {
    if (refuse.includes(program)) return { code: 1, stdout: '', stderr: `${program}: no` };
    if (program !== 'systemctl') return ok;
    const named = units.map((unit) => `${name}/${unit}`);
    if (verb === 'is-active') {
      const states = named.map((unit) => (active.has(unit) ? 'active' : 'inactive'));
      return { ...ok, stdout: states.join('\n') };
    }
    const now = units[0] === '--now';
    if (['start', 'restart', 'reload'].includes(verb) || (verb === 'enable' && now))
      for (const unit of named) active.add(unit);
    if (verb === 'stop' || (verb === 'disable' && now)) for (const unit of named) active.delete(unit);
    return ok;
  };
}
