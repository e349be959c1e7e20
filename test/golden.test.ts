// Golden cases: state.json and what is found on the host lead to plan.txt, and back by undo.txt.
// UPDATE_GOLDEN=1 writes them anew; read the difference before you commit it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { difference } from '../src/core/plan.ts';
import { type Resource, undo } from '../src/core/resource.ts';
import { parse } from '../src/core/state/parse.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { fakeNet } from '../src/drivers/net/fake.ts';
import { render } from '../src/engine/run.ts';
import { want } from '../src/engine/want.ts';
import { enrol, fakeHost, netclient, trials } from './fake-host.ts';

const root = 'test/golden';
const cases = readdirSync(root).filter((name) => existsSync(`${root}/${name}/state.json`));

function check(path: string, text: string): void {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  assert.equal(text, readFileSync(path, 'utf8'), `${path}: UPDATE_GOLDEN=1 writes it anew`);
}

/** The same machine for every case: an uplink, no kernel modules, two names. */
function machine(path: string): ReturnType<typeof fakeHost> {
  const host = fakeHost();
  const names = { 'engage.cloudflareclient.com': ['162.159.192.1'], 'vps.example.net': ['95.216.30.2'] };
  const files = existsSync(`${path}/files`)
    ? readdirSync(`${path}/files`, { recursive: true, withFileTypes: true })
    : [];
  for (const file of files) {
    const full = `${file.parentPath}/${file.name}`;
    if (file.isFile()) void host.files.write(`/golden/${full.slice(path.length + 1)}`, readFileSync(full, 'utf8'));
  }
  void enrol(host);
  const resolved = fakeMachine({ names, nameservers: ['9.9.9.9'], datapath: 'netdev', programs: netclient, trials });
  return { ...host, net: fakeNet([], 'eth0'), machine: resolved };
}

test('there are golden cases', () => assert.ok(cases.length >= 3));

for (const name of cases) {
  test(`golden case ${name}`, async () => {
    const path = `${root}/${name}`;
    const parsed = parse(readFileSync(`${path}/state.json`, 'utf8'));
    assert.ok('state' in parsed, JSON.stringify(parsed));
    const wanted = await want(machine(path), parsed.state, '/golden/files', {});
    const found = JSON.parse(readFileSync(`${path}/found.json`, 'utf8')) as readonly Resource[];
    const changes = difference(found, wanted.resources);
    check(`${path}/plan.txt`, `${render(changes).join('\n')}\n`);
    check(`${path}/undo.txt`, `${render(changes.map(undo)).join('\n')}\n`);
  });
}
