// What every Secrets does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secrets } from './contract.ts';

const one = '0123456789abcdef';
const two = 'fedcba9876543210';

/** `make` gives an empty store and `reopen`, which opens the same store again as a new process would. */
export function secretSuite(
  title: string,
  make: () => Promise<{ readonly secrets: Secrets; readonly reopen: () => Secrets }>,
): void {
  test(`${title}: a remembered secret is there at once, and gone with the process`, async () => {
    const { secrets, reopen } = await make();
    secrets.remember(one, 'hunter2');
    assert.equal(await secrets.get(one), 'hunter2');
    await assert.rejects(reopen().get(one), { code: 'host' });
  });

  test(`${title}: a kept secret outlives the process, byte for byte`, async () => {
    const { secrets, reopen } = await make();
    secrets.remember(one, 'line\nκ \n');
    await secrets.keep([one]);
    assert.equal(await reopen().get(one), 'line\nκ \n');
    await reopen().keep([one]);
    assert.equal(await reopen().get(one), 'line\nκ \n');
  });

  test(`${title}: an unknown secret is an error that does not guess`, async () => {
    const { secrets } = await make();
    await assert.rejects(secrets.get(one), { code: 'host' });
    await assert.rejects(secrets.keep([one]), { code: 'host' });
  });

  test(`${title}: retain removes all the others from the store`, async () => {
    const { secrets, reopen } = await make();
    secrets.remember(one, 'a');
    secrets.remember(two, 'b');
    await secrets.keep([one, two]);
    await secrets.retain([two]);
    await assert.rejects(reopen().get(one), { code: 'host' });
    assert.equal(await reopen().get(two), 'b');
    await secrets.retain([]);
    await assert.rejects(reopen().get(two), { code: 'host' });
  });

  test(`${title}: only a fingerprint names a secret`, async () => {
    const { secrets } = await make();
    for (const name of ['../../etc/shadow', '', 'ABCDEF0123456789'])
      await assert.rejects(secrets.get(name), { code: 'internal' }, name);
  });
}
