// Ports by Proxmox's names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client } from './fixture.ts';
import { onProxmox, proxmoxNotes, proxmoxNumber, proxmoxPort } from './proxmox.ts';

const [first] = client.members;
assert.ok(first);
const web = {
  ...first,
  id: 105,
  name: 'web',
  mode: 'veth',
  port: { row: 'shop', device: 'shop', ofport: 32873 },
} as const;
const topology = { ...client, members: [first, web] };

test('the port of a veth pair has the name that Proxmox gives it, and the number that the flows know', () => {
  const { members } = onProxmox(topology);
  assert.deepEqual(members[0], first);
  assert.deepEqual(members[1]?.port, { row: 'veth105i0', device: 'veth105i0', ofport: 32873 });
});

test('a number follows from the name, wherever the port hangs', () => {
  assert.equal(proxmoxNumber(proxmoxPort(105)), 32873);
  for (const name of ['veth105', 'veth105i1', 'internal_105']) assert.equal(proxmoxNumber(name), null);
});

test('a name that the file gives the port is told to be no name on the switch', () => {
  assert.deepEqual(proxmoxNotes(topology), [
    'Proxmox names the port of web veth105i0; shop is its name in the file alone.',
  ]);
  const usual = { ...web, port: { ...web.port, row: 'veth105', device: 'veth105' } };
  assert.deepEqual(proxmoxNotes({ ...client, members: [usual] }), []);
  assert.deepEqual(proxmoxNotes(onProxmox(topology)), []);
});
