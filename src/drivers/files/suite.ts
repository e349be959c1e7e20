// What every Files does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsWatch, until } from '../watch.suite.ts';
import type { Files } from './contract.ts';

/** `make` gives an empty Files; each test asks for its own. */
export function filesSuite(title: string, make: () => Promise<Files>): void {
  test(`${title}: what was written is read back, in any script`, async () => {
    const files = await make();
    await files.write('/etc/op-dbus/a', 'κλειδί\nsecond line');
    assert.equal(await files.read('/etc/op-dbus/a'), 'κλειδί\nsecond line');
    await files.write('/etc/op-dbus/a', '');
    assert.equal(await files.read('/etc/op-dbus/a'), '');
  });

  test(`${title}: a file or folder that is not there reads as null and lists as nothing`, async () => {
    const files = await make();
    assert.equal(await files.read('/no/such'), null);
    assert.deepEqual(await files.list('/no'), []);
    await files.write('/a', 'x');
    assert.equal(await files.read('/a/b'), null);
    assert.deepEqual(await files.list('/a'), []);
  });

  test(`${title}: a folder's names come sorted, folders among them, and each once`, async () => {
    const files = await make();
    for (const path of ['/d/b', '/d/a', '/d/c/1', '/d/c/2', '/e']) await files.write(path, '');
    assert.deepEqual(await files.list('/d'), ['a', 'b', 'c']);
    assert.deepEqual(await files.list('/'), ['d', 'e']);
  });

  test(`${title}: removing twice is quiet and leaves the others`, async () => {
    const files = await make();
    await files.write('/d/a', '1');
    await files.write('/d/b', '2');
    await files.remove('/d/a');
    await files.remove('/d/a');
    await files.remove('/no/such');
    assert.equal(await files.read('/d/a'), null);
    assert.equal(await files.read('/d/b'), '2');
  });

  test(`${title}: a file's mode is the one it was written with, and there is none without a file`, async () => {
    const files = await make();
    await files.write('/d/a', '1', 0o640);
    await files.write('/d/b', '2');
    assert.deepEqual(await Promise.all(['/d/a', '/d/b', '/d/c'].map((path) => files.mode(path))), [0o640, 0o600, null]);
  });

  test(`${title}: sweeping takes empty folders away and leaves every file`, async () => {
    const files = await make();
    for (const path of ['/d/a/1', '/d/b/c/2', '/d/3', '/e/4']) await files.write(path, '');
    for (const path of ['/d/a/1', '/e/4']) await files.remove(path);
    for (const path of ['/d', '/e', '/no']) await files.sweep(path);
    assert.deepEqual(await files.list('/'), ['d']);
    assert.deepEqual(await files.list('/d'), ['3', 'b']);
    assert.equal(await files.read('/d/b/c/2'), '');
  });

  test(`${title}: a folder is not overwritten by a file, nor a file made a folder`, async () => {
    const files = await make();
    await files.write('/d/a', '1');
    await assert.rejects(files.write('/d', 'x'), { code: 'host' });
    await assert.rejects(files.write('/d/a/b', 'x'), { code: 'host' });
    assert.equal(await files.read('/d/a'), '1');
  });

  test(`${title}: a path that could climb out is refused`, async () => {
    const files = await make();
    for (const path of ['/a/../b', 'a', '/a//b', './a'])
      await assert.rejects((async () => files.read(path))(), { code: 'internal' }, path);
  });

  test(`${title}: a watch tells whatever happens to its file, also when there was no folder yet`, async () => {
    const files = await make();
    await keepsWatch((changed) => files.watch('/a/b/c', changed), {
      'it is made': () => files.write('/a/b/c', 'one'),
      'it is replaced': () => files.write('/a/b/c', 'two'),
      'it is replaced by the same': () => files.write('/a/b/c', 'two'),
      'it is removed': () => files.remove('/a/b/c'),
      'it is made again': () => files.write('/a/b/c', 'three', 0o644),
      'it gets another mode': () => files.write('/a/b/c', 'three', 0o600),
    });
  });

  test(`${title}: a watch tells nothing of other files`, async () => {
    const files = await make();
    await files.write('/a/b', 'one');
    let told = 0;
    const watch = await files.watch('/a/b', () => void told++);
    for (const path of ['/a/c', '/a/bb', '/b', '/c/b', '/a/d/b']) await files.write(path, 'x');
    await files.remove('/a/c');
    await files.read('/a/b');
    assert.equal(told, 0);
    await files.write('/a/b', 'two');
    await until('told', () => told > 0);
    await watch.close();
    await assert.rejects((async () => files.watch('/a/../b', () => {}))(), { code: 'internal' });
  });
}
