// What stands on a template's tree keeps it: also a container that was put aside, and may be had back.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { OpError } from '../../error.ts';
import { exec, type Exec } from '../exec.ts';
import { lxcContainers } from './client.ts';
import { ASIDE, aside } from './tidy.ts';

const root = await mkdtemp(join(tmpdir(), 'op-dbus-aside-'));
after(() => rm(root, { recursive: true, force: true }));

test('a template of a newer recipe leaves the tree on which a container stands that was put aside', async () => {
  const [cache, lxc] = [join(root, 'template'), join(root, 'lxc')];
  const lower = join(cache, 'debian-12/0123456789ab');
  const spare = join(cache, 'debian-12/ba9876543210');
  for (const folder of [lower, spare, aside(lxc, 'web')]) await mkdir(folder, { recursive: true });
  await writeFile(join(aside(lxc, 'web'), ASIDE), JSON.stringify({ version: 1, lower }));
  // No builder here: it ends once the old trees are gone.
  const bare: Exec = async (argv, options) => {
    if (argv[0] === 'rm') return exec(argv, options);
    if (argv[0] === 'apt-get' || argv[0] === 'apt-config') return { code: 0, stdout: '', stderr: '' };
    throw new OpError('host', `${argv[0]}: not installed`);
  };
  const containers = lxcContainers({ exec: bare, cache, lxc, records: join(root, 'records'), etc: root });
  await assert.rejects(
    containers.prepare('debian-12', () => {}),
    /neither mmdebstrap nor debootstrap/,
  );
  await assert.rejects(stat(spare), { code: 'ENOENT' });
  await stat(lower);
});
