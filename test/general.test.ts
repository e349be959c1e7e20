// The specification's whole state with general containers, word for word: what it means, and what is said of it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { want } from '../src/engine/want.ts';
import { machine, stateOf } from './machine.ts';

const text = readFileSync('src/core/state/golden/full-state.input', 'utf8');

test('the short entries of the specification are plain containers on closed bridges, and those that sound like a chain are told of', async () => {
  const { topology, notes } = await want(await machine(), stateOf({ text }), '/files');
  assert.deepEqual(
    topology.members.map(({ id, bridge, device, role, netmaker, next }) => [id, bridge, device, role, netmaker, next]),
    [
      [100, 'ovsbr0', 'internal_100', 'plain', false, null],
      [101, 'ovsbr0', 'internal_101', 'plain', false, null],
      [102, 'ovsbr0', 'internal_102', 'plain', false, null],
      [104, 'mesh', 'eth0', 'plain', true, 'host'],
      [105, 'mesh', 'eth0', 'plain', true, 'host'],
    ],
  );
  assert.deepEqual(
    topology.bridges.map(({ name, chain, subnet }) => [name, chain, subnet]),
    [
      ['ovsbr0', true, '10.0.0.0/24'],
      ['mesh', true, '10.1.0.0/24'],
    ],
  );
  assert.equal(notes.length, 3);
  assert.match(
    notes[0] ?? '',
    /^wireguard-gateway \(100\) is a plain container, .*"container_profile": "privacy-client"/,
  );
});
