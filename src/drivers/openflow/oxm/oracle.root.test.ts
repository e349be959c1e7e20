// The codec against ovs-ofctl and a real switch on a large corpus: too slow for every run of the unit tests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDummySwitch } from '../../ovsdb/testing.ts';
import { parseFlow } from '../text.ts';
import { corpus } from './corpus.ts';
import { decodeInstructions, encodeInstructions } from './instruction.ts';
import { encodeMatch } from './match.ts';
import { unnamed } from './port.ts';
import { decodeMatch } from './print.ts';
import { compare } from './testing.ts';

const seed = Number(process.env['SEED'] ?? 1);

test('10,000 flows have the bytes and the text of ovs-ofctl', async (context) => {
  context.diagnostic(`SEED=${seed}`);
  assert.deepEqual(await compare(corpus(10_000, seed)), []);
});

test('a real switch prints what it was given as the codec prints it', async (context) => {
  context.diagnostic(`SEED=${seed}`);
  // Groups and meters would have to be there first; and a switch has no resubmit with a datapath's own field.
  const flows = corpus(3000, seed).filter(
    ({ match, actions }) => !/group|meter|controller\(/.test(actions) && !/recirc_id|actset_output|dp_hash/.test(match),
  );
  const ovs = await startDummySwitch();
  try {
    const made = await ovs.run(['ovs-vsctl', 'add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'fail_mode=secure']);
    assert.equal(made.code, 0, made.stderr);
    // The priority tells which flow it is.
    const lines = flows.map(({ match, actions }, index) =>
      [`priority=${index + 1}`, ...(match === '' ? [] : [match]), `actions=${actions}`].join(','),
    );
    // Some are refused (a goto_table to where the switch has none, an action without its prerequisite): the others stay.
    await ovs.run(['ovs-ofctl', '-O', 'OpenFlow14', '--no-names', 'add-flows', 'br0', '-'], {
      stdin: lines.join('\n'),
    });
    const dump = await ovs.run(['ovs-ofctl', '-O', 'OpenFlow14', '--no-names', '--no-stats', 'dump-flows', 'br0']);
    assert.equal(dump.code, 0, dump.stderr);
    const there = dump.stdout.split('\n').filter((line) => line.includes('actions='));
    context.diagnostic(`${there.length} of ${flows.length} flows were taken`);
    assert.ok(there.length > flows.length / 2);
    const differing = there.flatMap((line) => {
      const printed = parseFlow(line);
      const flow = flows[printed.priority - 1];
      if (flow === undefined) return [line];
      const match = decodeMatch(encodeMatch(flow.match, unnamed), unnamed);
      const actions = decodeInstructions(encodeInstructions(flow.actions, unnamed, flow.match), unnamed);
      return match === printed.match && actions === printed.actions ? [] : [`${line}: ${match} ${actions}`];
    });
    assert.deepEqual(differing, []);
  } finally {
    await ovs.stop();
  }
});
