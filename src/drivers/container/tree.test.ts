// Files below a root that somebody else controls, as an ordinary user: what a stopped container on an overlay looks like.

import assert from 'node:assert/strict';
import {
  lstat,
  mkdir,
  mkdtemp,
  readFile as read,
  readlink,
  rm,
  stat,
  symlink,
  writeFile as write,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ownMaker } from './maker.ts';
import { linkFile, readFile, removeFile, type Root, writeFile } from './tree.ts';

const base = process.getuid?.() ?? 0;
const plain = { mode: 0o644, uid: 0, gid: 0 } as const;

async function withRoot(
  body: (root: Root, upper: string, lower: string, outside: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'op-tree-'));
  const [upper, lower, outside] = ['upper', 'lower', 'outside'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  try {
    for (const path of [upper, lower, outside]) await mkdir(path);
    await body({ name: 'c', upper, lower, identity: null, base, make: ownMaker(base) }, upper, lower, outside);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a file is read from the upper folder, else from the lower one, and written to the upper one', async () => {
  await withRoot(async (root, upper, lower) => {
    await mkdir(join(lower, 'etc'), { mode: 0o750 });
    await write(join(lower, 'etc/x'), 'low');
    assert.equal(await readFile(root, '/etc/x'), 'low');
    await writeFile(root, '/etc/x', 'up', { ...plain, mode: 0o640 });
    assert.equal(await readFile(root, '/etc/x'), 'up');
    assert.equal(await read(join(lower, 'etc/x'), 'utf8'), 'low');
    assert.equal((await stat(join(upper, 'etc'))).mode & 0o777, 0o750, 'the folder has the mode of the one below');
    assert.equal((await stat(join(upper, 'etc/x'))).mode & 0o777, 0o640);
  });
});

test('removing what the lower folder has asks for something that hides it', async () => {
  await withRoot(async (root, upper, lower) => {
    await mkdir(join(lower, 'etc'));
    await write(join(lower, 'etc/x'), 'low');
    await writeFile(root, '/etc/x', 'up', plain);
    const hidden: string[] = [];
    await removeFile(root, '/etc/x', async (path) => {
      hidden.push(path);
      await write(path, 'hides');
    });
    assert.equal(hidden.length, 1);
    assert.equal(await read(join(upper, 'etc/x'), 'utf8'), 'hides');
    await removeFile(root, '/etc/none', async () => assert.fail('nothing is there to hide'));
  });
});

test('wherever symbolic links stand and lead, nothing outside is read, changed or removed', async () => {
  const part = fc.constantFrom('a', 'b', 'c');
  const where = fc.record({
    side: fc.constantFrom('upper', 'lower'),
    at: fc.array(part, { minLength: 1, maxLength: 2 }),
  });
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
  const run = async (links: readonly { side: string; at: readonly string[] }[], wanted: string): Promise<void> =>
    withRoot(async (root, upper, lower, outside) => {
      for (const name of ['a', 'b', 'c']) await write(join(outside, name), 'secret');
      for (const { side, at } of links) {
        const place = join(side === 'upper' ? upper : lower, ...at);
        await mkdir(join(place, '..'), { recursive: true }).catch(() => {});
        await symlink(at.length === 2 ? join(outside, 'a') : outside, place).catch(() => {});
      }
      const tolerate = (error: unknown): null => {
        assert.match(String(error), /passes through|is a folder|not a regular/);
        return null;
      };
      assert.notEqual(await readFile(root, wanted).catch(tolerate), 'secret');
      await writeFile(root, wanted, 'mine', plain).catch(tolerate);
      await linkFile(root, wanted, outside).catch(tolerate);
      await removeFile(root, wanted, async () => {}).catch(tolerate);
      for (const name of ['a', 'b', 'c']) assert.equal(await read(join(outside, name), 'utf8'), 'secret');
    });
  const at = (side: string, ...parts: string[]): { side: string; at: string[] } => ({ side, at: parts });
  const examples: [{ side: string; at: string[] }[], string][] = ['upper', 'lower'].flatMap((side) => [
    [[at(side, 'a')], '/a/b'],
    [[at(side, 'a', 'b')], '/a/b'],
    [[at(side, 'a', 'b')], '/a/b/c'],
    [[at('upper', 'a', 'c'), at(side, 'a', 'b')], '/a/b'],
  ]);
  await fc.assert(fc.asyncProperty(fc.array(where, { maxLength: 3 }), path, run), { numRuns: 60, examples });
});

test('a link replaces a file and a file a link, and nothing is left beside them', async () => {
  await withRoot(async (root, upper) => {
    await linkFile(root, '/d/x', '/etc/passwd');
    assert.equal(await readlink(join(upper, 'd/x')), '/etc/passwd');
    assert.equal(await readFile(root, '/d/x'), null);
    await writeFile(root, '/d/x', 'text', plain);
    assert.ok((await lstat(join(upper, 'd/x'))).isFile());
    await mkdir(join(upper, 'd/y'));
    await assert.rejects(writeFile(root, '/d/y', '', plain), { code: 'host', message: 'c:/d/y is a folder' });
    await assert.rejects(readFile(root, '/d/../x'), { code: 'internal' });
    await assert.rejects(readFile(root, 'd'), { code: 'internal' });
    assert.equal((await stat(join(upper, 'd'))).nlink, 3);
  });
});

test('with an identity, a root that is another one is refused, and a file on what is mounted in it is not read', async () => {
  const root = async (upper: string): Promise<Root> => {
    const { dev, ino } = await stat(upper);
    return { name: 'c', upper, lower: null, identity: `${dev} ${ino}`, base, make: ownMaker(base) };
  };
  assert.match((await readFile(await root('/proc'), '/version')) ?? '', /^Linux/);
  const elsewhere = { code: 'foreign', message: 'c:/proc/version is mounted from elsewhere' };
  await assert.rejects(readFile(await root('/'), '/proc/version'), elsewhere);
  const other = { ...(await root('/')), upper: '/proc' };
  await assert.rejects(readFile(other, '/version'), { code: 'foreign', message: /another root/ });
});
