// Who may import whom, each rule with its reason (docs/architecture.md).

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';

type Rule = { readonly from: string; readonly to: readonly string[]; readonly why: string };

/** `to` lists what a layer may import besides itself and src/error.ts. */
const rules: readonly Rule[] = [
  { from: 'core', to: [], why: 'core is pure: it can be tested and reasoned about without a machine' },
  { from: 'drivers', to: [], why: 'a driver speaks one protocol and knows nothing of what it is used for' },
  { from: 'kinds', to: ['core', 'drivers'], why: 'a kind knows its resources, not the order in which effects run' },
  { from: 'engine', to: ['core', 'drivers', 'kinds'], why: 'the engine sequences effects for every entry point alike' },
  { from: 'lab', to: ['core', 'drivers'], why: 'the lab is a user of the command line, not a second engine' },
  { from: 'daemon', to: ['core', 'drivers', 'engine', 'kinds'], why: 'the daemon does what the commands do, unasked' },
  {
    from: 'cli',
    to: ['daemon', 'core', 'drivers', 'engine', 'kinds', 'lab'],
    why: 'an entry point may use everything below',
  },
];

/** `node:net` also has isIP and its like, which are pure. */
const io = /^node:(fs|dgram|child_process|http|https|tls|dns|os|worker_threads)(\/|$)/;

const files = globSync('src/**/*.ts').toSorted();

function imports(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

function layer(path: string): string {
  return path.split('/')[1] ?? '';
}

test('imports go down only', () => {
  for (const file of files) {
    const rule = rules.find(({ from }) => from === layer(file));
    if (rule === undefined) {
      assert.equal(file, 'src/error.ts', `${file} belongs to no layer`);
      continue;
    }
    for (const name of imports(file).filter((one) => one.startsWith('.'))) {
      const target = posix.join(posix.dirname(file), name);
      const allowed = [rule.from, 'error.ts', ...rule.to].includes(layer(target)) || !target.startsWith('src/');
      assert.ok(allowed, `${file} imports ${target}: ${rule.why}`);
    }
  }
});

test('core does no input or output', () => {
  for (const file of files.filter((one) => layer(one) === 'core' && !one.endsWith('.test.ts'))) {
    for (const name of imports(file)) assert.ok(!io.test(name), `${file} imports ${name}`);
    const net = /import \{([^}]*)\} from 'node:net'/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    for (const name of net.split(',')) assert.match(name.trim(), /^(|isIPv?[46]?)$/, `${file} imports ${name}`);
  }
});

test('one kind does not import another', () => {
  for (const file of files.filter((one) => /^src\/kinds\/[^/]+\//.test(one)))
    for (const name of imports(file).filter((one) => one.startsWith('.'))) {
      const target = posix.join(posix.dirname(file), name);
      const other = /^src\/kinds\/([^/]+)\//.exec(target)?.[1];
      assert.ok(other === undefined || other === file.split('/')[2], `${file} imports ${target}`);
    }
});

test('every file says in its first line what it is, and none is over 400 lines', () => {
  for (const file of files) {
    const lines = readFileSync(file, 'utf8').split('\n');
    assert.match(lines[0] ?? '', /^\/\/ \S/, file);
    assert.ok(lines.length <= 401, `${file} has ${lines.length} lines: it is two files`);
  }
});

test('the program depends at run time on these packages alone', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
  assert.deepEqual(Object.keys(manifest.dependencies), [
    '@humanwhocodes/momoa',
    'commander',
    'dbus-native',
    'node',
    'zod',
  ]);
});
