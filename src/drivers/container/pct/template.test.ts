// Which volume a template's name stands for, and how one is had that no storage has.

import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  const own = 'local:vztmpl/debian-12-op-dbus_1_amd64.tar.zst';
  assert.equal(newest('debian-12', [own, ...names]), own);
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
    if (verb === 'available') return 'system          debian-12-standard_12.7-1_amd64.tar.zst\n';
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
  await fetchTemplate(exec, 'debian-12', (line) => said.push(line));
  await fetchTemplate(exec, 'debian-12', (line) => said.push(line));
  assert.equal(await storedTemplate(exec, 'debian-12'), 'big:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst');
  assert.equal(calls.filter(({ argv }) => argv[1] === 'download').length, 1);
  assert.deepEqual(said, ['template debian-12: downloading debian-12-standard_12.7-1_amd64.tar.zst to big']);
});

test('a download that says that it went well, and did not, is an error with what to do', async () => {
  const { exec } = machine(false);
  await assert.rejects(
    fetchTemplate(exec, 'debian-12', () => {}),
    {
      code: 'host',
      message: /can't be had: download of template failed: 404 Not Found/,
      hint: /pveam download big debian-12-standard/,
    },
  );
});

test('a name that Proxmox offers nothing of is an error of the file', async () => {
  await assert.rejects(
    fetchTemplate(machine(true).exec, 'debian-99', () => {}),
    { code: 'state', message: /debian-99/ },
  );
});
