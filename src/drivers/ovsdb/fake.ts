// An Open vSwitch database in memory, with the switch behind it: the same contract as the real one (suite.ts), for the kinds' tests.

import { OpError } from '../../error.ts';
import { watchers } from '../watch.fake.ts';
import type { BridgeRow, Ovsdb, PortRow } from './contract.ts';
import { troubles } from './progress.ts';
import { after } from './step.ts';
import { putsOf } from './transaction.ts';

export type FakeOvsdb = Ovsdb & {
  /** Puts a row there as somebody else would, in place of one of that name; the switch fills in what it assigns. */
  readonly plant: (bridge: BridgeRow) => void;
  /** A device comes to be on the machine: a port of type '' over it gets its OpenFlow port. */
  readonly plug: (device: string) => void;
  /** The comments of the transactions that were committed, in order. */
  readonly comments: readonly string[];
};

export function fakeOvsdb(): FakeOvsdb {
  let bridges: readonly BridgeRow[] = [];
  const devices = new Set<string>();
  const comments: string[] = [];
  const watching = watchers();
  const take = (next: readonly BridgeRow[]): void => {
    bridges = next.map((bridge) => assign(bridge, devices));
    watching.tell();
  };
  return {
    comments,
    reach: async () => {},
    bridges: async () => bridges,
    transact: async (steps, comment) => {
      if (steps.length === 0) return;
      take(steps.reduce(after, bridges));
      comments.push(comment);
      const rows = bridges.flatMap((bridge) => bridge.ports.map((port) => port.interface));
      const left = steps.flatMap(putsOf).filter((put) => rows.some((row) => row.name === put.name));
      const wrong = troubles({ curCfg: 0, interfaces: new Map(rows.map((row) => [row.name, row])) }, left);
      if (wrong.length > 0) throw new OpError('host', `the switch could not make ${wrong.join('; ')}`);
    },
    watch: watching.watch,
    close: async () => watching.end(new OpError('host', 'the connection to the database was closed')),
    plant: (bridge) => take([...bridges.filter((old) => old.name !== bridge.name), bridge]),
    plug: (device) => {
      devices.add(device);
      take(bridges);
    },
  };
}

type InterfaceRow = PortRow['interface'];

const LOCAL = 65534;

/** Numbers asked for are given first, then those that an interface has, then the lowest that are free. */
function assign(bridge: BridgeRow, devices: ReadonlySet<string>): BridgeRow {
  const given = new Map<string, number>();
  const rows = bridge.ports.map((port) => port.interface).filter((row) => failure(row, devices) === null);
  const free = (number: number | null): number is number =>
    number !== null && number > 0 && ![...given.values()].includes(number);
  for (const row of rows) if (row.name === bridge.name) given.set(row.name, LOCAL);
  for (const row of rows) if (!given.has(row.name) && free(row.ofportRequest)) given.set(row.name, row.ofportRequest);
  for (const row of rows) if (!given.has(row.name) && free(row.ofport)) given.set(row.name, row.ofport);
  for (const row of rows) {
    if (given.has(row.name)) continue;
    let number = 1;
    while (!free(number)) number++;
    given.set(row.name, number);
  }
  const ports = bridge.ports.map((port) => {
    const error = failure(port.interface, devices);
    const ofport = given.get(port.interface.name) ?? -1;
    const macInUse = error === null ? mac(bridge, port.interface) : null;
    return { ...port, interface: { ...port.interface, ofport, error, macInUse } };
  });
  return { ...bridge, ports };
}

function failure({ name, type }: InterfaceRow, devices: ReadonlySet<string>): string | null {
  if (type === 'internal') return null;
  if (type !== '') return `could not open network device ${name} (Address family not supported by protocol)`;
  return devices.has(name) ? null : `could not open network device ${name} (No such device)`;
}

function mac(bridge: BridgeRow, row: InterfaceRow): string {
  const asked = row.name === bridge.name ? (bridge.otherConfig['hwaddr'] ?? null) : row.mac;
  return asked ?? row.macInUse ?? made(row.name);
}

/** A locally administered address that is the same for the same name. */
function made(name: string): string {
  const digits = Buffer.from(name.padEnd(4, '\0')).subarray(-4).toString('hex');
  return `aa:55:${digits.match(/../g)?.join(':')}`;
}
