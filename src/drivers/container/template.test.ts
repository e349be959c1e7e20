// The template's cache: one build at a time, whole or not at all. Builders are stood in for by scripts on PATH.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { test } from 'node:test';
import { exec } from '../exec.ts';
import { build, treePath } from './template.ts';

const base = 0;

/** A builder that makes the least tree, counts its calls and does what `body` says. */
const builder = (body: string): string => `#!/bin/sh
[ "$1" = --version ] && exit 0
for tree; do case $tree in */.building) break ;; esac; done
echo x >>"$tree/../../calls"
mkdir -p "$tree/etc/systemd/system/x.wants" "$tree/var/lib/dbus"
${body}
`;

async function withCache(
  builders: Readonly<Record<string, string>>,
  body: (cache: string, said: string[], run: () => Promise<string>) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'op-template-'));
  const path = process.env['PATH'];
  try {
    await mkdir(join(folder, 'bin'));
    await mkdir(join(folder, 'cache'));
    // Without privilege: no namespaces, no apt of the machine.
    const cage = '#!/bin/sh\nwhile [ "$1" != mmdebstrap ] && [ "$1" != debootstrap ]; do shift; done\nexec "$@"\n';
    for (const [name, text] of Object.entries({
      setpriv: cage,
      'apt-get': '#!/bin/sh\n',
      'apt-config': '#!/bin/sh\n',
      ...builders,
    }))
      await writeFile(join(folder, 'bin', name), text, { mode: 0o755 });
    process.env['PATH'] = `${join(folder, 'bin')}${delimiter}${path}`;
    const said: string[] = [];
    const cache = join(folder, 'cache');
    const run = (): Promise<string> =>
      build(exec, { cache, template: 'debian-12', base, used: [] }, (line) => said.push(line));
    await body(cache, said, run);
  } finally {
    process.env['PATH'] = path;
    await rm(folder, { recursive: true });
  }
}

test('an unknown template is refused by name', () => {
  assert.throws(() => treePath('/c', 'debian-13', 0), {
    code: 'state',
    message: 'template debian-13: expected debian-12 or debian-netmaker',
  });
  assert.throws(() => treePath('/c', 'toString', 0), { code: 'state' });
});

test("a mesh's template is the same tree: netclient is the host's, shown inside", async () => {
  assert.equal(treePath('/c', 'debian-netmaker', 1), treePath('/c', 'debian-12', 1));
  await withCache({ mmdebstrap: builder('') }, async (cache, _, run) => {
    const tree = await build(exec, { cache, template: 'debian-netmaker', base, used: [] }, () => {});
    assert.equal(tree, await run());
    assert.equal(await readFile(join(cache, 'calls'), 'utf8'), 'x\n');
  });
});

test('another range of ids is another tree', () => {
  assert.notEqual(treePath('/c', 'debian-12', 1), treePath('/c', 'debian-12', 2));
});

test('two builds at once make one tree, whose phases are told and in which nothing starts unasked', async () => {
  await withCache({ mmdebstrap: builder('echo "I: installing" >&2; sleep 0.2') }, async (cache, said, run) => {
    const [one, two] = await Promise.all([run(), run()]);
    assert.equal(one, two);
    assert.equal(await run(), one);
    assert.equal(await readFile(join(cache, 'calls'), 'utf8'), 'x\n');
    assert.ok(said.includes('template debian-12: installing'), said.join('\n'));
    const units = await readdir(join(one, 'etc/systemd/system'));
    assert.ok(units.includes('systemd-logind.service') && !units.includes('x.wants'), units.join(' '));
    assert.deepEqual((await readdir(join(cache, 'debian-12'))).toSorted(), ['.lock', basename(one)]);
  });
});

test('a build that fails, or was killed, leaves no tree, and says what apt said', async () => {
  const failing = builder('echo "E: Unable to fetch the thing" >&2; exit 100');
  await withCache({ mmdebstrap: failing }, async (cache, _, run) => {
    await mkdir(join(cache, 'debian-12/.building/left'), { recursive: true });
    await assert.rejects(run(), { code: 'host', message: /status 100: E: Unable to fetch the thing/, hint: /network/ });
    assert.deepEqual(await readdir(join(cache, 'debian-12')), ['.lock']);
    await writeFile(join(cache, '../bin/mmdebstrap'), builder(''), { mode: 0o755 });
    assert.ok((await stat(await run())).isDirectory());
  });
});

test('a tree of an older recipe goes, unless a container stands on it', async () => {
  await withCache({ mmdebstrap: builder('') }, async (cache, said) => {
    const folder = join(cache, 'debian-12');
    for (const name of ['old', 'used']) await mkdir(join(folder, name), { recursive: true });
    const used = [join(folder, 'used')];
    const tree = await build(exec, { cache, template: 'debian-12', base, used }, (line) => said.push(line));
    assert.deepEqual((await readdir(folder)).toSorted(byText), ['.lock', basename(tree), 'used'].toSorted(byText));
  });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
