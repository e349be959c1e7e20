// The leak bench, whole: every fault leaks nothing, and every anti-test does. About six minutes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Report } from '../../src/lab/leaks/bench.ts';
import { labDown, labUp, ok, opDbus } from '../lab/cli.ts';

before(labUp);
after(labDown);

test('one fault after the other, and nothing leaks; with its protection off, each does', async (t) => {
  const { code, stdout, stderr } = await opDbus(['lab', 'prove', '--leaks', '--seed', '1', '--json'], 900);
  const empty = { seed: 0, faults: [], errors: [] };
  const report = JSON.parse(stdout || JSON.stringify(empty)) as Report;
  assert.equal(report.seed, 1);
  assert.ok(report.faults.length >= 30, `only ${report.faults.length} faults were made: ${stderr}`);
  for (const { name, leaked, leaks, probes, recovery_ms, antitest_leaked, opened, error } of report.faults)
    await t.test(name, () => {
      assert.equal(error, null);
      assert.ok(probes > 10, `only ${probes} probes`);
      assert.equal(leaked, 0, leaks);
      assert.notEqual(recovery_ms, null, 'the chain carries again');
      assert.ok(antitest_leaked > 0, `no leak was seen without ${opened}`);
    });
  assert.deepEqual(report.errors, []);
  assert.equal(code, 0);
});

test('a bad seed, a name that no fault has, and a seed without --leaks are refused', async () => {
  for (const [args, said] of [
    [['--leaks', '--seed', 'x'], /--seed x: expected a whole number/],
    [['--leaks', '--only', 'no such fault'], /no fault has "no such fault" in its name/],
    [['--seed', '1'], /--seed and --only are for --leaks/],
  ] as const) {
    const { code, stderr } = await opDbus(['lab', 'prove', ...args]);
    assert.equal(code, 1);
    assert.match(stderr, said);
  }
  assert.match(await ok('op-dbus', 'diff', '/etc/op-dbus/state.json'), /No difference/);
});
