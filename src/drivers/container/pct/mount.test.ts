// Who mounts and unmounts the root of a stopped container, and when, against a scripted pct.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedExec } from '../../exec.fake.ts';
import { pctCommand } from './command.ts';
import { mounts } from './mount.ts';

/** A pct that only takes the lock: nothing is ever mounted. `noted` says that a command of ours was killed. */
function machine(lock: string | null, noted: boolean) {
  let held = lock;
  let note = noted;
  const { exec, calls } = scriptedExec(([, verb]) => {
    held = verb === 'mount' ? 'mounted' : null;
    return '';
  });
  const lockOf = async (): Promise<string | null> => held;
  const roots = mounts({
    pct: pctCommand(exec, lockOf, 0),
    lxc: '/nowhere',
    lockOf,
    linger: 10_000,
    note: {
      set: async () => {
        note = true;
      },
      has: async () => note,
      clear: async () => {
        note = false;
      },
    },
  });
  return { roots, verbs: () => calls.map(({ argv }) => argv[1]), noted: () => note };
}

const nothing = { code: 'host', message: /has mounted nothing/ };

test('a mount that came to nothing is no place to write to', async () => {
  const { roots, verbs } = machine(null, false);
  await assert.rejects(
    roots.hold('one', 100, async () => assert.fail('there is no root')),
    nothing,
  );
  assert.deepEqual(verbs(), ['mount']);
  await roots.release('one', 100);
  assert.deepEqual(verbs(), ['mount', 'unmount']);
});

test('a lock of ours that has outlived the mount, as over a reboot of the machine, is given up first', async () => {
  const { roots, verbs } = machine('mounted', true);
  await assert.rejects(
    roots.hold('one', 100, async () => {}),
    nothing,
  );
  assert.deepEqual(verbs(), ['unmount', 'mount']);
});

test("somebody else's lock without a mount is theirs to give up", async () => {
  const { roots, verbs, noted } = machine('mounted', false);
  await assert.rejects(
    roots.hold('one', 100, async () => {}),
    { code: 'host', message: /\(mounted\)/, hint: /pct unmount 100/ },
  );
  assert.deepEqual(verbs(), []);
  assert.equal(noted(), false);
});

test('what a killed command has left mounted is unmounted by who wants the container free', async () => {
  const { roots, verbs, noted } = machine('mounted', true);
  await roots.release('one', 100);
  assert.deepEqual(verbs(), ['unmount']);
  assert.equal(noted(), false);
  await roots.releaseAll();
  assert.deepEqual(verbs(), ['unmount']);
});
