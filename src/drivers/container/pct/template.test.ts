// Which volume a template's name stands for, and how one is had that no storage has.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Exec, exec as realExec } from '../../exec.ts';
import { scriptedExec } from '../../exec.fake.ts';
import { fetchTemplate, newest, storages, storedTemplate } from './template.ts';

const status = `Name         Type     Status           Total            Used       Available        %
local         dir     active        98497780        20000000        70000000   20.00%
big           dir     active       998497780        20000000       970000000    2.00%
gone          nfs   inactive               0               0               0    0.00%
`;

test('the newest by version, not by spelling, of the names that are of the template', () => {
  const names = [
    'local:vztmpl/debian-12-standard_12.2-1_amd64.tar.zst',
    'local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst',
    'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
    'local:vztmpl/debian-123-standard_99.0-1_amd64.tar.zst',
    'local:vztmpl/ubuntu-22.04-standard_22.04-1_amd64.tar.zst',
    'local:vztmpl/debian-netmaker.tar.gz',
  ];
  assert.equal(newest('debian-12', names), names[1]);
  assert.equal(newest('debian-12', names.toReversed()), names[1]);
  assert.equal(newest('debian-netmaker', names), names[5]);
  assert.equal(newest('debian-13', names), null);
  assert.equal(newest('debian', names), newest('debian', names.toReversed()));
});

test('storages that are not active are left out, and the one with the most room comes first', async () => {
  const { exec, calls } = scriptedExec(() => status);
  assert.deepEqual(
    (await storages(exec, 'rootdir')).map(({ name }) => name),
    ['big', 'local'],
  );
  assert.deepEqual(calls[0]?.argv, ['pvesm', 'status', '--content', 'rootdir', '--enabled', '1']);
});

function machine(downloads: boolean) {
  const volumes = new Set<string>();
  const { exec, calls } = scriptedExec(([program, verb, ...more]) => {
    if (program === 'pvesm') return status;
    if (verb === 'available') return 'system          debian-13-standard_13.1-2_amd64.tar.zst\n';
    if (verb === 'list') {
      const own = [...volumes].filter((volume) => volume.startsWith(`${more[0]}:`));
      return own.length === 0 ? '' : `NAME SIZE\n${own.map((volume) => `${volume}  120.65MB`).join('\n')}\n`;
    }
    if (downloads) volumes.add(`${more[0]}:vztmpl/${more[1]}`);
    return { code: 0, stderr: 'download of template failed: 404 Not Found' };
  });
  return { exec, calls };
}

test('a template that no storage has is downloaded once, and told', async () => {
  const { exec, calls } = machine(true);
  const said: string[] = [];
  await fetchTemplate(exec, 'debian-13', (line) => said.push(line));
  await fetchTemplate(exec, 'debian-13', (line) => said.push(line));
  assert.equal(await storedTemplate(exec, 'debian-13'), 'big:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst');
  assert.equal(calls.filter(({ argv }) => argv[1] === 'download').length, 1);
  assert.deepEqual(said, ['template debian-13: downloading debian-13-standard_13.1-2_amd64.tar.zst to big']);
});

test('a download that says that it went well, and did not, is an error with what to do', async () => {
  const { exec } = machine(false);
  await assert.rejects(
    fetchTemplate(exec, 'debian-13', () => {}),
    {
      code: 'host',
      message: /can't be had: download of template failed: 404 Not Found/,
      hint: /pveam download big debian-13-standard/,
    },
  );
});

test('a name that Proxmox offers nothing of is an error of the file', async () => {
  await assert.rejects(
    fetchTemplate(machine(true).exec, 'debian-99', () => {}),
    { code: 'state', message: /debian-99/ },
  );
});

/** A node whose storages hold these, without a program that builds. */
function node(...volumes: readonly string[]) {
  return scriptedExec(([program, verb, name]) => {
    if (program === 'pvesm') return verb === 'path' ? '/nowhere' : status;
    if (program === 'pveam')
      return verb === 'list' && name === 'local' ? volumes.map((one) => `${one} 1MB`).join('\n') : '';
    return program.startsWith('apt-') ? '' : undefined;
  });
}

const standard = 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst';
const own = 'local:vztmpl/debian-12-op-dbus_1_amd64.tar.zst';

test("debian-12 and its other name are op-dbus's own template, never Proxmox's, which lacks a chain's programs", async () => {
  for (const name of ['debian-12', 'debian-netmaker']) {
    assert.equal(await storedTemplate(node(standard).exec, name), null);
    assert.equal(await storedTemplate(node(standard, own).exec, name), own);
  }
  assert.equal(await storedTemplate(node(standard, own).exec, 'debian-12-standard'), standard);
  const named = 'local:vztmpl/debian-netmaker_1_amd64.tar.gz';
  assert.equal(await storedTemplate(node(standard, own, named).exec, 'debian-netmaker'), named);
});

test('without a program to build it the template is an error that names the package, and nothing is left', async () => {
  const cache = await mkdtemp(join(tmpdir(), 'op-template-'));
  try {
    const { exec, calls } = node(standard);
    const removing: Exec = (argv, more) => (argv[0] === 'rm' ? realExec(argv, more) : exec(argv, more));
    await assert.rejects(
      fetchTemplate(removing, 'debian-12', () => {}, cache),
      { code: 'host', message: /neither mmdebstrap nor debootstrap/, hint: 'apt-get install mmdebstrap' },
    );
    assert.deepEqual(await readdir(`${cache}/debian-12-proxmox`), ['.lock']);
    assert.ok(!calls.some(({ argv }) => argv[1] === 'download'));
  } finally {
    await rm(cache, { recursive: true });
  }
});
