// Roots on a btrfs of the test's own, a file on a loop device: what is made there goes again, whole. Needs root.

import assert from 'node:assert/strict';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { type Exec, exec, run } from '../exec.ts';
import { lxcContainers } from './client.ts';
import { layout } from './copy.ts';
import { discard } from './discard.ts';
import { definition } from './sample.ts';
import { treePath } from './template.ts';
import { isPrivate, runPrivately } from './testing.ts';

if (isPrivate()) await inside(process.env['OP_DBUS_PRIVATE_HOST'] ?? '');
else void test('roots on btrfs', async () => assert.equal(await runPrivately(import.meta.url), 0));

async function inside(folder: string): Promise<void> {
  const disk = `${folder}/disk`;
  const top = `${folder}/top`;
  await run(exec, ['mount', '--make-rprivate', '/']);
  await mkdir(top, { mode: 0o755 });
  await writeFile(disk, '');
  await truncate(disk, 200 * 1024 * 1024);
  await run(exec, ['mkfs.btrfs', '-q', disk]);
  const mounted = await exec(['mount', '-o', 'loop', disk, top]);
  if (mounted.code !== 0) {
    const why = `NOT TESTED on a real btrfs: no loop device here (${mounted.stderr.trim()}); discard.test.ts has the branch`;
    console.error(`\n*** ${why} ***\n`);
    void test('roots on btrfs', (context) => context.skip(why));
    return;
  }
  after(async () => void (await run(exec, ['umount', top])));

  const [cache, lxc, records, etc] = [`${top}/cache`, `${top}/lxc`, `${top}/records`, `${folder}/etc`] as const;
  await mkdir(etc);
  await mkdir(lxc, { mode: 0o755 });
  const tree = treePath(cache, 'debian-12', 100_000);
  await mkdir(tree.slice(0, tree.lastIndexOf('/')), { recursive: true });
  await run(exec, ['btrfs', 'subvolume', 'create', tree]);
  await mkdir(`${tree}/etc`);
  await writeFile(`${tree}/etc/os-release`, 'ID=debian\n');
  const options = { cache, lxc, records, etc };
  const containers = lxcContainers(options);

  /** Roots of subvolumes and files below the folder of containers. */
  const left = async (): Promise<string> => run(exec, ['find', lxc, '-mindepth', '1']);

  test('a snapshot is what is taken, and its trial leaves nothing', async () => {
    assert.equal(await layout(exec, tree, lxc), 'btrfs');
    assert.equal(await left(), '');
  });

  test('a container that is destroyed leaves no subvolume, also none that a program in it has made', async () => {
    await containers.create('one', definition(100));
    assert.equal(await containers.read('one', '/etc/os-release'), 'ID=debian\n');
    const root = `${lxc}/one/rootfs`;
    for (const path of ['srv', 'srv/in ner']) await run(exec, ['btrfs', 'subvolume', 'create', `${root}/${path}`]);
    await run(exec, ['btrfs', 'subvolume', 'snapshot', '-r', `${root}/srv`, `${root}/etc/fixed`]);
    await containers.destroy('one');
    await containers.tidy();
    assert.equal(await left(), '');
    assert.deepEqual(await containers.list(), []);
  });

  test('neither a creation that fails nor one that is interrupted leaves a subvolume', async () => {
    const failing: Exec = (argv, more) =>
      argv[0] === 'mknod' ? Promise.resolve({ code: 1, stdout: '', stderr: 'no' }) : exec(argv, more);
    await assert.rejects(lxcContainers({ ...options, exec: failing }).create('one', definition(100)), /mknod/);
    assert.equal(await left(), '');
    await new Promise<void>((resolve) => {
      const dying: Exec = (argv, more) => {
        if (argv[0] !== 'mknod') return exec(argv, more);
        resolve();
        return new Promise(() => {});
      };
      void lxcContainers({ ...options, exec: dying }).create('one', definition(100));
    });
    assert.match(await left(), /rootfs/);
    await containers.tidy();
    assert.equal(await left(), '');
  });

  test("a subvolume of somebody else's that is only shown below is kept, and the reason told", async () => {
    for (const path of ['theirs', 'ours']) await run(exec, ['btrfs', 'subvolume', 'create', `${top}/${path}`]);
    await writeFile(`${top}/theirs/file`, '');
    await mkdir(`${top}/ours/shown`);
    await run(exec, ['mount', '--bind', `${top}/theirs`, `${top}/ours/shown`]);
    await assert.rejects(discard(exec, `${top}/ours`), { code: 'host', message: /mounted on .*\/ours\/shown/ });
    await run(exec, ['umount', `${top}/ours/shown`]);
    await run(exec, ['ls', `${top}/theirs/file`]);
    await discard(exec, `${top}/ours`);
    await discard(exec, `${top}/theirs`);
    assert.equal(await run(exec, ['find', top, '-maxdepth', '1', '-name', '*ours', '-o', '-name', 'theirs']), '');
  });

  test('a template that is a subvolume goes', async () => {
    await discard(exec, tree);
    assert.equal(await run(exec, ['find', `${cache}/debian-12`, '-mindepth', '1']), '');
  });
}
