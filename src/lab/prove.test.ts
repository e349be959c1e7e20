// The order of the proofs, and where they end early.

import './testing.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Step } from './prove/row.ts';
import { prove } from './prove.ts';

async function* yields(...steps: readonly Step[]): AsyncGenerator<Step> {
  yield* steps;
}

const holds = { name: 'holds', ok: true, detail: '' };
const fails = { name: 'fails', ok: false, detail: '' };

test('when one row of what all else stands on does not hold, the rest is not looked at', async () => {
  const told: Step[] = [];
  const proof = await prove(
    (step) => told.push(step),
    [
      { steps: () => yields(holds), needed: true },
      { steps: () => yields(fails, holds), needed: true },
      { steps: () => assert.fail('this waits for minutes') },
    ],
  );
  assert.deepEqual(proof, { rows: [holds, fails, holds], stopped: true });
  assert.deepEqual(told, proof.rows);
});

test('any other row that does not hold is one row, and what is waited for is told before the next', async () => {
  const told: Step[] = [];
  const wait = { waiting: 'long' };
  const points = [{ steps: () => yields(fails) }, { steps: () => yields(wait, holds) }];
  const proof = await prove((step) => told.push(step), points);
  assert.deepEqual(proof, { rows: [fails, holds], stopped: false });
  assert.deepEqual(told, [fails, wait, holds]);
});
