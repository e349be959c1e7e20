// The whole chain on this machine: `lab up`, `lab prove`, `lab down`; every line of the proof is a test.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { inHost, labDown, labUp, opDbus } from './cli.ts';

type Row = { readonly name: string; readonly ok: boolean; readonly detail: string };

const folder = process.env['OP_DBUS_LAB'] ?? '/var/lib/op-dbus-lab';

/** What `lab down` must leave as it was on the machine itself; other labs may come and go meanwhile. */
function machine(): string {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const others = (line: string): boolean => line.includes('/var/lib/op-dbus-lab') && !line.includes(` ${folder}/`);
  const mounts = lines.filter((line) => !others(line)).join('\n');
  const links = readFileSync('/proc/net/dev', 'utf8').replaceAll(/:.*/g, '');
  const forward = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
  return [mounts, links, forward, existsSync('/var/lib/op-dbus')].join('\n');
}

let found = '';
before(async () => {
  found = machine();
  await labUp();
});
after(labDown);

test('the lab proves every hop', async (t) => {
  const { stdout, stderr } = await opDbus(['lab', 'prove', '--json'], 900);
  const { rows } = JSON.parse(stdout || `{"rows":[]}`) as { readonly rows: readonly Row[] };
  assert.ok(rows.length >= 40, `only ${rows.length} points were looked at: ${stderr}`);
  for (const row of rows) {
    console.log(`# ${row.ok ? 'ok' : 'not ok'} ${row.name}: ${row.detail}`);
    await t.test(row.name, () => assert.ok(row.ok, row.detail));
  }
});

test('what verify tells to look by is a command that works', async (t) => {
  for (const host of ['home', 'vps']) {
    const { stdout } = await inHost(host, ['op-dbus', 'verify', '/etc/op-dbus/state.json', '--json']);
    const { checks } = JSON.parse(stdout) as {
      readonly checks: readonly { ok: boolean; name: string; command: string }[];
    };
    assert.ok(checks.filter(({ ok }) => ok).length > 4, stdout);
    // The proof has asked whether they are well.
    for (const { command } of checks.filter(({ ok }) => ok))
      await t.test(`${host}: ${command}`, async () => {
        const { code, stderr } = await inHost(host, ['bash', '-c', command]);
        assert.equal(code, 0, stderr);
      });
  }
});

test('a lab that is up is seen as up, and taken down it leaves the machine as it was', async () => {
  assert.equal((await opDbus(['lab', 'status'])).code, 0);
  await labDown();
  assert.equal((await opDbus(['lab', 'status'])).code, 1);
  assert.equal(machine(), found);
  assert.equal(existsSync(folder), false);
});
