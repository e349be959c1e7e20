// What the monitor tells of the switch, from captured updates on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { OpError } from '../../error.ts';
import { Framer } from './codec.ts';
import { seen, troubles, unseen } from './progress.ts';

type Message = { readonly result?: unknown; readonly params?: readonly unknown[] };
const messages = new Framer().push(readFileSync(new URL('captured.txt', import.meta.url))) as readonly Message[];
const initial = seen(unseen, messages[1]?.result);

const row = (fresh: unknown): unknown => ({ Interface: { id: { new: fresh } } });
const trouble = (type: string, ofport: unknown, error: unknown): readonly string[] =>
  troubles(seen(unseen, row({ name: 'x', ofport, error })), [{ name: 'x', type }]);
const none = ['set', []];

test('the first reply and the updates after it carry cur_cfg', () => {
  assert.equal(unseen.curCfg < 0, true);
  assert.equal(initial.curCfg, 1);
  const next = seen(initial, messages[3]?.params?.[1]);
  assert.equal(next.curCfg, 2);
  assert.equal(next.interfaces.size, 3);
});

test('an interface that is changed or deleted is so here', () => {
  const id = [...initial.interfaces.keys()][0] ?? '';
  const changed = seen(initial, { Interface: { [id]: { new: { name: 'n', ofport: none, error: 'bad' }, old: {} } } });
  assert.deepEqual(changed.interfaces.get(id), { name: 'n', ofport: null, error: 'bad' });
  assert.equal(seen(changed, { Interface: { [id]: { old: { name: 'n' } } } }).interfaces.has(id), false);
});

test('an internal port without a number, with number -1 or with an error is trouble', () => {
  assert.deepEqual(trouble('internal', 5, none), []);
  assert.deepEqual(trouble('internal', none, none), ['x: the switch did not make it']);
  assert.deepEqual(trouble('internal', -1, none), ['x: the switch did not make it']);
  assert.deepEqual(trouble('internal', -1, 'could not open network device x (No such device)'), [
    'x: could not open network device x (No such device)',
  ]);
});

test('a system device may be absent, but no other error is forgiven', () => {
  assert.deepEqual(trouble('', -1, 'could not open network device x (No such device)'), []);
  assert.deepEqual(trouble('', none, none), []);
  assert.deepEqual(trouble('', -1, 'x is already a member of bridge y'), ['x: x is already a member of bridge y']);
});

test('an interface that is gone is trouble', () => {
  assert.deepEqual(troubles(unseen, [{ name: 'x', type: '' }]), ['x: gone from the database']);
});

test('updates of an unknown shape are refused', () => {
  for (const updates of [
    undefined,
    null,
    1,
    [],
    { Interface: 1 },
    { Interface: { id: 1 } },
    row({ name: 1 }),
    row({ name: 'x' }),
  ])
    assert.throws(
      () => seen(unseen, updates),
      (error) => error instanceof OpError && error.code === 'protocol',
    );
});
