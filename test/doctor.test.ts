// op-dbus doctor's questions, asked of a machine of fakes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { examine, fails } from '../src/engine/doctor/examine.ts';
import { type Facts, gather, questions } from '../src/engine/doctor/fact.ts';
import { scriptedExec } from '../src/drivers/exec.fake.ts';
import { fakeControl } from '../src/drivers/control/fake.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { OpError } from '../src/error.ts';
import { fakeHost } from './fake-host.ts';

const silent = (facts: Facts, because: string): readonly string[] =>
  Object.entries(facts).flatMap(([name, answer]) => ('because' in answer && answer.because === because ? [name] : []));

test("what only root may ask isn't asked without root, and is no failure", async () => {
  const facts = await gather(fakeHost(), false);
  const barred = Object.entries(questions).flatMap(([name, { root }]) => (root ? [name] : []));
  assert.deepEqual(silent(facts, 'barred'), barred);
  assert.deepEqual(silent(await gather(fakeHost(), true), 'barred'), []);
  const needed = new Set(['switch', 'meters', 'tunnels'] as const);
  assert.deepEqual(
    examine(facts, needed)
      .filter(fails)
      .map(({ name }) => name),
    ['installed', 'meters'],
  );
});

test('asking changes nothing: no file is written, and each program that is run only tells', async () => {
  const host = fakeHost();
  const { exec, calls } = scriptedExec(() => '');
  await host.ovsdb.transact(
    [
      {
        op: 'put-bridge',
        bridge: { name: 'br0', datapathType: 'netdev', failMode: 'secure', otherConfig: {}, externalIds: {} },
      },
    ],
    'test',
  );
  const write = (): never => assert.fail('something was written');
  const files = { ...host.files, write, remove: write, sweep: write };
  const net = { ...host.net, setSysctl: write, up: write };
  const ovsdb = { ...host.ovsdb, transact: write };
  const machine = fakeMachine({ programs: { pveversion: '/usr/bin/pveversion' } });
  await gather({ ...host, files, net, ovsdb, machine, exec }, true);
  assert.deepEqual(
    calls
      .map(({ argv }) =>
        argv
          .filter((word) => /^[a-z]/.test(word))
          .slice(0, 2)
          .join(' '),
      )
      .toSorted(),
    ['ovs-ofctl meter-features', 'ovs-vsctl get', 'pveversion'],
  );
});

test('a journal is told of, also one that is none', async () => {
  const host = fakeHost();
  const of = async (text: string) => {
    await host.files.write('/var/lib/op-dbus/journal.json', text);
    const findings = examine(await gather(host, true), new Set());
    return findings.filter(fails).map(({ found }) => found);
  };
  assert.deepEqual(await of('{"version":1,"action":"down","began":"2026","checkpoint":[],"entry":null}'), [
    '"down" of 2026 was interrupted',
  ]);
  assert.deepEqual(await of('{'), ['a change was interrupted, and this is no journal that tells what was before it']);
});

test('a switch that is not there is not running, one that does not answer is broken, and each says so', async () => {
  const running = async (error: OpError) => {
    const version = (): never => {
      throw error;
    };
    const control = fakeControl({ version, 'dpctl/show': version });
    const facts = await gather({ ...fakeHost(), control }, true);
    return examine(facts, new Set()).find(({ name }) => name === 'running');
  };
  assert.equal((await running(new OpError('host', 'no pid file')))?.found, 'not running');
  assert.equal((await running(new OpError('timeout', 'version: no answer')))?.broken, true);
});

test('a driver that never answers is given up, and the others are told of', { timeout: 10_000 }, async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const host = fakeHost();
  const machine = { ...host.machine, space: () => new Promise<number>(() => {}) };
  const gathered = gather({ ...host, machine }, true);
  // The others have answered by then.
  await setImmediate();
  context.mock.timers.tick(5000);
  assert.deepEqual(silent(await gathered, 'late'), ['disk']);
});
