// op-dbus doctor as a program: as root, as nobody, in another network namespace. Needs root.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exec } from '../drivers/exec.ts';
import { source } from '../drivers/source.ts';

type Report = { readonly version: number; readonly ok: boolean; readonly findings: readonly Record<string, unknown>[] };

async function doctor(prefix: readonly string[], ...args: readonly string[]) {
  const program = [process.execPath, source('src/cli/main.ts'), 'doctor', ...args];
  return exec([...prefix, ...program] as [string, ...string[]]);
}

function level({ findings }: Report, name: string): unknown {
  return findings.find((one) => one['name'] === name)?.['level'];
}

test('root is told of everything it may ask, and nobody that only root can tell, without a failure', async () => {
  const root = JSON.parse((await doctor([], '--json')).stdout) as Report;
  assert.equal(root.version, 1);
  for (const name of ['tun', 'nftables']) assert.notEqual(level(root, name), 'unknown', name);
  const nobody = await doctor(['setpriv', '--reuid', '65534', '--clear-groups'], '--json');
  assert.equal(nobody.code, 0, nobody.stderr);
  const told = JSON.parse(nobody.stdout) as Report;
  assert.equal(level(told, 'nftables'), 'unknown');
  assert.equal(told.findings.length, root.findings.length);
});

test('interfaces and tables that were tried are gone afterwards', async () => {
  const see = 'ip -o link; nft list ruleset; tc qdisc show dev lo';
  const script = `${see}; "$0" "$@" >/dev/null; ${see}`;
  const { stdout } = await doctor(['unshare', '--net', 'sh', '-c', script]);
  const lines = stdout.split('\n');
  assert.deepEqual(lines.slice(0, lines.length / 2), lines.slice(lines.length / 2));
});
