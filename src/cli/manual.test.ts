// The manual page and bash's completion name every command and option that the table has.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Command } from 'commander';
import { completion, manual } from './manual.ts';

function sample(): Command {
  const program = new Command('op-dbus').description('-does- it').version('1.2.3');
  program.command('apply').description("'quoted' .first").argument('<file>').option('-x, --exact <n>', 'a back\\slash');
  const lab = program.command('lab').description('more');
  lab.command('up').description('.up').option('--keep', 'keep');
  program.command('unseen', { hidden: true });
  return program;
}

/** What bash offers for a line whose last word is not yet whole. */
function offered(text: string, ...line: readonly string[]): readonly string[] {
  const words = line.map((word) => `'${word}'`).join(' ');
  const script = `${text}\nCOMP_WORDS=(${words}) COMP_CWORD=${line.length - 1}; _op_dbus; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout.trim().split('\n').toSorted();
}

test('bash completes commands, subcommands and options, and nothing hidden', () => {
  const text = completion(sample());
  assert.deepEqual(offered(text, 'op-dbus', ''), ['--help', '--version', 'apply', 'lab']);
  assert.deepEqual(offered(text, 'op-dbus', 'apply', '--e'), ['--exact']);
  assert.deepEqual(offered(text, 'op-dbus', 'lab', ''), ['--help', 'up']);
  assert.deepEqual(offered(text, 'op-dbus', 'lab', 'up', '--k'), ['--keep']);
});

test('the manual has every command and option, and no text of them is taken for a request', () => {
  const text = manual(sample());
  for (const part of ['op\\-dbus apply', '\\-\\-exact', 'back\\eslash', 'lab up', '\\&.up', "\\&'quoted'"])
    assert.ok(text.includes(part), part);
  assert.ok(!text.includes('unseen'));
});
