// The host's netclient and token file: what is said before anything is made, and that the token is told to nobody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprint } from '../core/secret.ts';
import { member } from '../core/topology/fixture.ts';
import type { Topology } from '../core/topology.ts';
import { fakeFiles } from '../drivers/files/fake.ts';
import type { Host } from '../drivers/host.ts';
import { fakeMachine } from '../drivers/machine/fake.ts';
import { fakeSecrets } from '../drivers/secret/fake.ts';
import { describe } from '../error.ts';
import { readNetmaker, tokenPath } from './netmaker.ts';

const token = Buffer.from('{"server":"api.example.net","value":"SECRET"}').toString('base64');
const good = `NETMAKER_TOKEN="${token}"\n`;
const of = (netmaker: boolean) => ({ members: [member(104, 'app-server', { netmaker })] }) as unknown as Topology;

type Given = { readonly text?: string; readonly mode?: number; readonly netclient?: boolean };

async function hostWith({ text, mode = 0o600, netclient = true }: Given): Promise<Host> {
  const files = fakeFiles();
  if (text !== undefined) await files.write(tokenPath, text, mode);
  const machine = fakeMachine({ programs: netclient ? { netclient: '/usr/local/bin/netclient' } : {} });
  return { files, machine, secrets: fakeSecrets(files) } as unknown as Host;
}

async function said(given: Given): Promise<string> {
  try {
    await readNetmaker(await hostWith(given), of(true));
    return 'nothing';
  } catch (error) {
    assert.ok(error instanceof AggregateError);
    return error.errors.map(describe).join('\n');
  }
}

test('a state without a mesh asks for neither program nor file', async () => {
  assert.equal(await readNetmaker(await hostWith({ netclient: false }), of(false)), null);
});

test('the token is known by its fingerprint, and remembered as a secret', async () => {
  const host = await hostWith({ text: good });
  assert.deepEqual(await readNetmaker(host, of(true)), {
    client: '/usr/local/bin/netclient',
    token: fingerprint(token),
  });
  assert.equal(await host.secrets.get(fingerprint(token)), token);
});

test('a missing netclient and a missing file are told at once, each with what to do', async () => {
  const lines = await said({ netclient: false });
  assert.match(
    lines,
    /error\[host\] netclient is not installed, and app-server is to join a Netmaker mesh\n {2}Put the/,
  );
  assert.match(
    lines,
    /error\[host\] \/etc\/op-dbus\/netmaker\.env: missing: app-server joins .*\n {2}Write NETMAKER_TOK/,
  );
});

test('a file that others can read, or that holds no token, is refused without being quoted', async () => {
  for (const mode of [0o644, 0o640, 0o620])
    assert.match(
      await said({ text: good, mode }),
      /others can read this token\n {2}chmod 600 \/etc\/op-dbus\/netmaker.env/,
    );
  // Whoever owns it can read it, whatever its mode says.
  const host = await hostWith({ text: good });
  const owned = { ...host, files: { ...host.files, loose: async (path: string) => path } };
  await assert.rejects(readNetmaker(owned, of(true)), (error: AggregateError) => {
    assert.match(error.errors.map(describe).join('\n'), /others than root own .*\n {2}chown root:root \/etc\/op-dbus/);
    return true;
  });
  const malformed = await said({ text: `TOKEN=${token}\n` });
  assert.match(malformed, /netmaker\.env: holds no NETMAKER_TOKEN="…"\n {2}Expected/);
  assert.ok(!malformed.includes(token));
});
