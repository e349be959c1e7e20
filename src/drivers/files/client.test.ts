// Files on a real file system, in a temporary folder.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { keepsWatch, until } from '../watch.suite.ts';
import { nodeFiles } from './client.ts';
import { filesSuite } from './suite.ts';

const made: string[] = [];
after(() => Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true }))));

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'op-dbus-files-'));
  made.push(path);
  return path;
}

filesSuite('node files', async () => nodeFiles(await folder()));

test('files are 0600 and new parents 0700 unless told otherwise', async () => {
  const root = await folder();
  const files = nodeFiles(root);
  await files.write('/a/b/c', 'x');
  await files.write('/a/b/d', 'x', 0o644);
  assert.equal((await lstat(join(root, 'a/b/c'))).mode & 0o777, 0o600);
  assert.equal((await lstat(join(root, 'a/b/d'))).mode & 0o777, 0o644);
  assert.equal((await lstat(join(root, 'a/b'))).mode & 0o777, 0o700);
  assert.equal((await lstat(join(root, 'a'))).mode & 0o777, 0o700);
  await files.write('/e/f', 'x', 0o644, 0o755);
  assert.equal((await lstat(join(root, 'e'))).mode & 0o777, 0o755);
});

test('rewriting a file gives it the new mode', async () => {
  const root = await folder();
  await writeFile(join(root, 'f'), 'old', { mode: 0o666 });
  await nodeFiles(root).write('/f', 'new');
  assert.equal((await lstat(join(root, 'f'))).mode & 0o777, 0o600);
});

test('a symbolic link is not read through', async () => {
  const root = await folder();
  await writeFile(join(root, 'target'), 'secret');
  await symlink(join(root, 'target'), join(root, 'link'));
  await assert.rejects(nodeFiles(root).read('/link'), { code: 'host', message: 'reading /link: is a symbolic link' });
});

test('a symbolic link is replaced, and what it points to stays', async () => {
  const root = await folder();
  await writeFile(join(root, 'target'), 'theirs');
  await symlink(join(root, 'target'), join(root, 'link'));
  await nodeFiles(root).write('/link', 'ours');
  assert.equal(await readFile(join(root, 'target'), 'utf8'), 'theirs');
  assert.equal((await lstat(join(root, 'link'))).isFile(), true);
});

test('removing a symbolic link leaves what it points to', async () => {
  const root = await folder();
  await writeFile(join(root, 'target'), 'theirs');
  await symlink(join(root, 'target'), join(root, 'link'));
  await nodeFiles(root).remove('/link');
  assert.deepEqual(await readdir(root), ['target']);
});

test('a reader sees the old file or the new one, never a part', async () => {
  const files = nodeFiles(await folder());
  const texts = ['a'.repeat(200_000), 'b'.repeat(200_000)] as const;
  await files.write('/f', texts[0]);
  const writes = (async () => {
    for (let turn = 0; turn < 20; turn += 1) await files.write('/f', texts[(turn % 2) as 0 | 1]);
  })();
  for (let turn = 0; turn < 40; turn += 1) {
    const seen = await files.read('/f');
    assert.ok(seen === texts[0] || seen === texts[1], `${seen?.length} characters`);
  }
  await writes;
});

test('a write that fails leaves nothing behind', async () => {
  const root = await folder();
  await mkdir(join(root, 'd/full'), { recursive: true });
  await assert.rejects(nodeFiles(root).write('/d', 'x'), { code: 'host' });
  assert.deepEqual(await readdir(root), ['d']);
});

test('what an interrupted write left is not listed', async () => {
  const root = await folder();
  await writeFile(join(root, '.f.0123456789ab.tmp'), 'half');
  await writeFile(join(root, '.profile'), '');
  assert.deepEqual(await nodeFiles(root).list('/'), ['.profile']);
});

test('sweeping takes what an interrupted write left, and nothing else', async () => {
  const root = await folder();
  const files = nodeFiles(root);
  await files.write('/d/e/kept', 'x');
  await writeFile(join(root, 'd/e/.kept.0123456789ab.tmp'), 'half');
  await writeFile(join(root, 'd/e/.kept.tmp'), 'somebody');
  await files.sweep('/d');
  assert.deepEqual((await readdir(join(root, 'd/e'))).toSorted(), ['.kept.tmp', 'kept']);
});

test('a FIFO is refused instead of waited for', async () => {
  const root = await folder();
  await promisify(execFile)('mkfifo', [join(root, 'pipe')]);
  await assert.rejects(nodeFiles(root).read('/pipe'), { code: 'host' });
});

test('a watch without looks tells of edits in place, by editors that rename, and of folders that come and go', async () => {
  const root = await folder();
  const files = nodeFiles(root, 1_000_000_000);
  const [file, deep] = [join(root, 'a/b/state'), join(root, 'a/b')];
  await keepsWatch((changed) => files.watch('/a/b/state', changed), {
    'it is made with its folders': async () => {
      await mkdir(deep, { recursive: true });
      await writeFile(file, 'one');
    },
    'it is written in place': () => writeFile(file, 'two'),
    'it grows': () => appendFile(file, 'x'),
    'its mode changes': () => chmod(file, 0o640),
    'it is renamed away': () => rename(file, `${file}~`),
    'another is renamed to it': () => rename(`${file}~`, file),
    'a link takes its place': async () => {
      await symlink('/etc/hostname', `${file}.link`);
      await rename(`${file}.link`, file);
    },
    'its folder is moved away': () => rename(deep, join(root, 'a/c')),
    'its folder is moved back': () => rename(join(root, 'a/c'), deep),
    'all of it is removed': () => rm(join(root, 'a'), { recursive: true }),
    'a folder with it is moved in': async () => {
      await mkdir(join(root, 'new/b'), { recursive: true });
      await writeFile(join(root, 'new/b/state'), 'three');
      await rename(join(root, 'new'), join(root, 'a'));
    },
    'its folder is made anew before anybody can look': async () => {
      rmSync(deep, { recursive: true });
      mkdirSync(deep);
    },
    'it is made in the new folder': () => writeFile(file, 'four'),
    'it is written, and its date put back': async () => {
      const { atime, mtime } = await lstat(file);
      // Later than what was just told could be taken for.
      await sleep(30);
      writeFileSync(file, 'five');
      utimesSync(file, atime, mtime);
    },
    'a folder takes its place': async () => {
      await rm(file);
      await mkdir(file);
    },
  });
});

test('a watch sees the last of many quick edits of the same length', async () => {
  const root = await folder();
  const files = nodeFiles(root, 1_000_000_000);
  await files.write('/f', '000');
  let seen = '';
  const watch = await files.watch('/f', () => {
    seen = readFileSync(join(root, 'f'), 'utf8');
  });
  for (let count = 100; count < 200; count++) {
    await writeFile(join(root, 'f'), `${count}`);
    await until(`seen ${count}`, () => seen === `${count}`);
  }
  await watch.close();
});

test('what gives no event is seen by a look, such as a folder further up that is moved', async () => {
  const root = await folder();
  const files = nodeFiles(root, 10);
  await files.write('/a/b/c/f', 'one');
  let told = 0;
  const watch = await files.watch('/a/b/c/f', () => void told++);
  await rename(join(root, 'a'), join(root, 'elsewhere'));
  await until('told that it went', () => told === 1);
  await files.write('/a/b/c/f', 'two');
  await until('told that it came', () => told > 1);
  await watch.close();
});

test('a watch that is closed leaves nothing watched', async () => {
  const root = await folder();
  const watched = (): number =>
    readdirSync('/proc/self/fd')
      .map((fd) => (existsSync(`/proc/self/fdinfo/${fd}`) ? readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8') : ''))
      .flatMap((text) => [...text.matchAll(/^inotify wd:/gm)]).length;
  const before = watched();
  const watch = await nodeFiles(root).watch('/a', () => {});
  assert.equal(watched(), before + 1);
  await watch.close();
  assert.equal(watched(), before);
});

test('what others can change is named: the file, or a folder above it, unless it is sticky', async () => {
  const root = await folder();
  const files = nodeFiles(root);
  await files.write('/a/b/file', 'x');
  assert.equal(await files.loose('/a/b/file'), null);
  assert.equal(await files.loose('/a/none'), null);
  await chmod(join(root, 'a'), 0o1777);
  assert.equal(await files.loose('/a/b/file'), null);
  await chmod(join(root, 'a'), 0o777);
  assert.equal(await files.loose('/a/b/file'), join(root, 'a'));
  await chmod(join(root, 'a/b/file'), 0o620);
  assert.equal(await files.loose('/a/b/file'), join(root, 'a/b/file'));
});
