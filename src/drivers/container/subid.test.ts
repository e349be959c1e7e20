// The range of ids: root's own, a free one, never somebody else's.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { base, release, reserve, reserved } from './subid.ts';

async function withFiles(users: string, groups: string, body: (etc: string) => Promise<void>): Promise<void> {
  const etc = await mkdtemp(join(tmpdir(), 'op-subid-'));
  try {
    await writeFile(join(etc, 'subuid'), users);
    await writeFile(join(etc, 'subgid'), groups);
    await body(etc);
  } finally {
    await rm(etc, { recursive: true });
  }
}

test("root's own range is taken where both files have it", async () => {
  await withFiles('root:300000:65536\n', 'me:1:1\nroot:300000:65536\n', async (etc) => {
    assert.equal(await base(etc), 300_000);
    assert.equal(await reserved(etc, 300_000), true);
  });
});

test('a range that overlaps with nobody is found', async () => {
  await withFiles('', '', async (etc) => assert.equal(await base(etc), 100_000));
  await withFiles('me:100000:65536\n', 'me:100000:65536\n', async (etc) => assert.equal(await base(etc), 165_536));
  await withFiles('a:165536:65536\nb:100000:65536\n', 'c:231072:10\n', async (etc) =>
    assert.equal(await base(etc), 231_082),
  );
  await withFiles('root:100000:5\n', '', async (etc) => assert.equal(await base(etc), 100_005));
});

test('reserving and releasing leaves the files as they were', async () => {
  for (const before of ['', 'me:1:10\n', 'me:1:10']) {
    await withFiles(before, 'x:7:7\n', async (etc) => {
      assert.equal(await reserved(etc, 100_000), false);
      await reserve(etc, 100_000);
      assert.equal(await reserved(etc, 100_000), true);
      assert.match(await readFile(join(etc, 'subuid'), 'utf8'), /^root:100000:65536\n/m);
      assert.equal(await base(etc), 100_000);
      await release(etc, 100_000);
      assert.equal((await readFile(join(etc, 'subuid'), 'utf8')).trimEnd(), before.trimEnd());
      assert.equal(await readFile(join(etc, 'subgid'), 'utf8'), 'x:7:7\n');
    });
  }
});
