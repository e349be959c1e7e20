// What every Ovsdb must do, whatever is behind it: run against the fake and against a real switch.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../../error.ts';
import { OpError } from '../../error.ts';
import { keepsWatch } from '../watch.suite.ts';
import { type BridgeRow, type BridgeWanted, MARK, type Ovsdb, type PortRow, type Step } from './contract.ts';

/** An empty database, and ways to be somebody else in it. No device of the machine exists for it. */
export type Subject = {
  readonly ovsdb: Ovsdb;
  /** A second client of the same database, or the same one. */
  readonly other: Ovsdb;
  readonly foreignBridge: (name: string) => Promise<void>;
  readonly foreignPort: (bridge: string, name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

export function bridge(name: string, wanted: Partial<BridgeWanted> = {}): Step {
  const otherConfig = { 'disable-in-band': 'true', hwaddr: '02:0a:00:00:00:01' };
  const plain = {
    name,
    datapathType: 'dummy',
    failMode: 'secure',
    otherConfig,
    externalIds: { [MARK]: name },
  } as const;
  return { op: 'put-bridge', bridge: { ...plain, ...wanted } };
}

export type PortOptions = Partial<PortRow['interface']> & { readonly device?: string };

export function port(on: string, name: string, { device = name, ...wanted }: PortOptions = {}): Step {
  const { type = 'internal', ofportRequest = null, mac = null } = wanted;
  return {
    op: 'put-port',
    port: { bridge: on, name, externalIds: { [MARK]: device }, interface: { name: device, type, ofportRequest, mac } },
  };
}

export function describeOvsdb(title: string, make: () => Promise<Subject>): void {
  describe(title, () => {
    let subject: Subject;
    before(async () => {
      subject = await make();
    });
    after(() => subject.stop());
    declare(() => subject);
  });
}

function declare(subject: () => Subject): void {
  const put = (...steps: readonly Step[]): Promise<void> => subject().ovsdb.transact(steps, 'test');
  const find = async (name: string): Promise<BridgeRow | undefined> =>
    (await subject().ovsdb.bridges()).find((row) => row.name === name);
  const findPort = async (on: string, name: string): Promise<PortRow | undefined> =>
    (await find(on))?.ports.find((row) => row.name === name);
  const refuses = (code: ErrorCode, name: string, ...steps: readonly Step[]): Promise<void> =>
    assert.rejects(
      put(...steps),
      (error) => error instanceof OpError && error.code === code && error.message.includes(name),
    );

  test('an empty database has no bridges, and an empty transaction makes none', async () => {
    await put();
    assert.deepEqual(await subject().ovsdb.bridges(), []);
  });

  test('a bridge is made shut, with its local port', async () => {
    await put(bridge('made'));
    await eventually(async () => (await findPort('made', 'made'))?.interface.macInUse === '02:0a:00:00:00:01');
    const row = await find('made');
    assert.equal(row?.failMode, 'secure');
    assert.equal(row?.datapathType, 'dummy');
    assert.deepEqual(row?.otherConfig, { 'disable-in-band': 'true', hwaddr: '02:0a:00:00:00:01' });
    assert.deepEqual(row?.externalIds, { [MARK]: 'made' });
    assert.deepEqual(
      row?.ports.map((local) => [local.name, local.interface.type, local.interface.ofport]),
      [['made', 'internal', 65534]],
    );
  });

  test('a bridge and its ports are made in one transaction, with the numbers and the MAC that were asked for', async () => {
    const mac = '02:0a:00:00:01:65';
    await put(
      bridge('whole'),
      port('whole', 'wg-warp', { device: 'internal_101', ofportRequest: 101, mac }),
      port('whole', 'w2'),
    );
    await eventually(async () => (await findPort('whole', 'wg-warp'))?.interface.macInUse === mac);
    const row = await findPort('whole', 'wg-warp');
    const { name, type, ofport, ofportRequest, mac: asked, error } = row?.interface ?? {};
    assert.deepEqual(
      { name, type, ofport, ofportRequest, asked, error },
      {
        name: 'internal_101',
        type: 'internal',
        ofport: 101,
        ofportRequest: 101,
        asked: mac,
        error: null,
      },
    );
    assert.deepEqual(row?.externalIds, { [MARK]: 'internal_101' });
    const free = (await findPort('whole', 'w2'))?.interface.ofport ?? 0;
    assert.ok(free > 0 && free < 65280 && free !== 101, String(free));
  });

  test('the same transaction again changes no row', async () => {
    const steps = [bridge('twice'), port('twice', 't1', { ofportRequest: 7 }), port('twice', 't2')];
    await put(...steps);
    // The switch tells the MACs later, and changes the bridge's own with its ports.
    const written = async () =>
      (await find('twice'))?.ports.map((row) => ({ ...row, interface: { ...row.interface, macInUse: null } }));
    const first = await written();
    assert.equal(first?.length, 3);
    await put(...steps);
    assert.deepEqual(await written(), first);
  });

  test('changing a bridge or port sets what is named and leaves the others', async () => {
    await put(bridge('change'), port('change', 'c1', { ofportRequest: 5 }), port('change', 'c2', { ofportRequest: 6 }));
    const untouched = await findPort('change', 'c2');
    const otherConfig = { 'mac-aging-time': '60' };
    await put(bridge('change', { otherConfig, failMode: 'standalone' }), port('change', 'c1', { ofportRequest: 9 }));
    const row = await find('change');
    assert.deepEqual(row?.otherConfig, otherConfig);
    assert.equal(row?.failMode, 'standalone');
    assert.equal((await findPort('change', 'c1'))?.interface.ofport, 9);
    assert.deepEqual((await findPort('change', 'c2'))?.interface.ofport, untouched?.interface.ofport);
    assert.equal(row?.ports.length, 3);
  });

  test('a port gets another interface, and moves to another bridge', async () => {
    await put(bridge('from'), bridge('to'), port('from', 'mover', { device: 'm1' }));
    await put(port('from', 'mover', { device: 'm2' }));
    assert.equal((await findPort('from', 'mover'))?.interface.name, 'm2');
    await put(port('to', 'mover', { device: 'm2' }));
    assert.equal(await findPort('from', 'mover'), undefined);
    assert.equal((await findPort('to', 'mover'))?.interface.name, 'm2');
    await put(port('from', 'again', { device: 'm1' }));
  });

  test('ports and bridges are deleted, and deleting what is not there is quiet', async () => {
    await put(bridge('gone'), port('gone', 'g1'), port('gone', 'g2'));
    await put({ op: 'delete-port', bridge: 'gone', name: 'g1' });
    assert.deepEqual(
      (await find('gone'))?.ports.map((row) => row.name),
      ['g2', 'gone'],
    );
    await put({ op: 'delete-port', bridge: 'gone', name: 'g1' }, { op: 'delete-bridge', name: 'gone' });
    assert.equal(await find('gone'), undefined);
    await put({ op: 'delete-bridge', name: 'gone' }, { op: 'delete-port', bridge: 'gone', name: 'g2' });
  });

  test('names are free again within the transaction that deletes them', async () => {
    await put(bridge('anew'), port('anew', 'a1', { ofportRequest: 3 }));
    await put({ op: 'delete-bridge', name: 'anew' }, bridge('anew'), port('anew', 'a1', { ofportRequest: 4 }));
    await put(
      { op: 'delete-port', bridge: 'anew', name: 'a1' },
      port('anew', 'a1'),
      port('anew', 'a1', { ofportRequest: 8 }),
    );
    assert.deepEqual(
      (await find('anew'))?.ports.map((row) => [row.name, row.interface.ofportRequest]),
      [
        ['a1', 8],
        ['anew', null],
      ],
    );
    await put(port('anew', 'a2'), { op: 'delete-port', bridge: 'anew', name: 'a2' });
    assert.equal(await findPort('anew', 'a2'), undefined);
  });

  test('a bridge of somebody else is never changed, deleted, or given a port', async () => {
    await subject().foreignBridge('theirs');
    const found = await find('theirs');
    await refuses('foreign', 'theirs', bridge('theirs'));
    await refuses('foreign', 'theirs', { op: 'delete-bridge', name: 'theirs' });
    await refuses('foreign', 'theirs', port('theirs', 'p1'));
    assert.deepEqual(settled(await find('theirs')), settled(found));
  });

  test('a port that somebody makes for us is taken where it is, and on no other bridge', async () => {
    const claim = (on: string): Step => {
      const step = port(on, 'plugged');
      return step.op === 'put-port' ? { ...step, port: { ...step.port, claim: true } } : step;
    };
    await put(bridge('claimer'), bridge('beside'));
    await subject().foreignPort('claimer', 'plugged');
    await refuses('foreign', 'plugged', claim('beside'));
    await put(claim('claimer'));
    assert.deepEqual((await findPort('claimer', 'plugged'))?.externalIds, { [MARK]: 'plugged' });
    await put(
      claim('beside'),
      { op: 'delete-port', bridge: 'beside', name: 'plugged' },
      { op: 'delete-bridge', name: 'beside' },
    );
  });

  test('a port of somebody else is never changed or deleted, nor its names taken, nor its bridge deleted', async () => {
    await put(bridge('host'), port('host', 'mine'));
    await subject().foreignPort('host', 'alien');
    const found = await findPort('host', 'alien');
    await refuses('foreign', 'alien', port('host', 'alien'));
    await refuses('foreign', 'alien', port('host', 'mine', { device: 'alien' }));
    await refuses('foreign', 'alien', bridge('alien'));
    await refuses('foreign', 'alien', { op: 'delete-port', bridge: 'host', name: 'alien' });
    await refuses('foreign', 'alien', { op: 'delete-bridge', name: 'host' });
    await refuses('foreign', 'host', { op: 'delete-port', bridge: 'host', name: 'host' });
    assert.deepEqual(settled(await findPort('host', 'alien')), settled(found));
    assert.equal((await findPort('host', 'mine'))?.interface.name, 'mine');
  });

  test('a transaction of which one step is refused does nothing', async () => {
    await refuses('host', 'nowhere', bridge('half'), port('half', 'h1'), port('nowhere', 'h2'));
    await put(bridge('one'), port('one', 'o1', { device: 'same' }));
    await refuses('protocol', 'same', bridge('half'), port('one', 'o2', { device: 'same' }));
    assert.equal(await find('half'), undefined);
  });

  test('a port over a device that does not exist yet is taken; one that can not be made is an error that names it', async () => {
    await put(bridge('bad'), port('bad', 'veth999', { type: '' }));
    const { ofport, error } = (await findPort('bad', 'veth999'))?.interface ?? {};
    assert.equal(ofport, -1);
    assert.match(error ?? '', /could not open network device veth999/);
    await refuses('host', 'b1: could not open network device b1', port('bad', 'b1', { type: 'nonsense' }));
  });

  test('a port that is put and deleted again in one transaction is no error', () =>
    put(bridge('brief'), port('brief', 'b9', { type: 'nonsense' }), {
      op: 'delete-port',
      bridge: 'brief',
      name: 'b9',
    }));

  test('maps keep every key and value', async () => {
    const externalIds = { [MARK]: 'odd', 'a "b" \\ {[': '} ]', ü: '\u{1f512}\n\t', ['__proto__']: 'x', empty: '' };
    await put(bridge('odd', { externalIds }));
    assert.deepEqual((await find('odd'))?.externalIds, externalIds);
  });

  test('a watch tells of each change of bridges and ports, whoever made it', async () => {
    const { ovsdb, other, foreignBridge, foreignPort } = subject();
    const wanted = { bridge: bridge('seen'), changed: bridge('seen', { otherConfig: { 'mac-aging-time': '60' } }) };
    await keepsWatch((changed) => ovsdb.watch(changed), {
      'a bridge is made': () => other.transact([wanted.bridge], 'test'),
      'a bridge is changed': () => other.transact([wanted.changed], 'test'),
      'a bridge opens': () => other.transact([bridge('seen', { failMode: 'standalone' })], 'test'),
      'a port is made': () => other.transact([port('seen', 'seen1', { ofportRequest: 7 })], 'test'),
      'a port gets another number': () => other.transact([port('seen', 'seen1', { ofportRequest: 8 })], 'test'),
      'a port gets another device': () => other.transact([port('seen', 'seen1', { device: 'seen2' })], 'test'),
      'somebody makes a port': () => foreignPort('seen', 'seen3'),
      'somebody makes a bridge': () => foreignBridge('seen4'),
      'a port is made by ourselves': () => put(port('seen', 'seen5')),
      'a port is removed': () => other.transact([{ op: 'delete-port', bridge: 'seen', name: 'seen1' }], 'test'),
    });
  });

  test('transactions of two clients at once all come about', async () => {
    await put(bridge('busy'));
    const names = Array.from({ length: 8 }, (_, index) => `busy${index}`);
    const { ovsdb, other } = subject();
    await Promise.all(names.map((name, index) => (index % 2 ? ovsdb : other).transact([port('busy', name)], name)));
    assert.deepEqual(
      (await find('busy'))?.ports.map((row) => row.name),
      ['busy', ...names],
    );
  });
}

/** The switch writes some columns (mac_in_use) a little after it has taken the configuration. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'did not come about within 5 s');
    await sleep(10);
  }
}

/** Without `macInUse`, which the switch may report some time after it has taken a row. */
function settled(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'macInUse' ? null : inner)));
}
