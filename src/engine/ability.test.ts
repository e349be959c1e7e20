// What the proxy programs can do, asked of them; Xray where OP_DBUS_XRAY names one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '../core/topology.ts';
import { exec } from '../drivers/exec.ts';
import { scriptedExec } from '../drivers/exec.fake.ts';
import { abilitiesOf, can, ensureAble } from './ability.ts';

const xray = process.env['OP_DBUS_XRAY'];
const outbound = { protocol: 'vless', server: '192.0.2.1', port: 443, id: 'U', flow: 'xtls-rprx-vision' } as const;
const client = (more: object = {}) =>
  ({
    name: 'xray-client',
    xray: { inbound: { protocol: 'socks' }, outbound: { ...outbound, ...more } },
  }) as unknown as Member;

test("Debian's v2ray can do neither Vision nor REALITY, though it takes their configurations", async () => {
  for (const ability of ['Vision', 'REALITY'] as const)
    assert.equal(await can(exec, ['v2ray', '-test', '-config', 'stdin:'], ability), false, ability);
});

const skip = xray === undefined && 'OP_DBUS_XRAY=FILE names no Xray: nothing was asked of it';
test('Xray can do Vision and REALITY', { skip }, async () => {
  for (const ability of ['Vision', 'REALITY'] as const)
    assert.equal(await can(exec, [xray ?? '', 'run', '-test', '-c', 'stdin:'], ability), true, ability);
});

test('a program that takes the right configuration and the wrong one alike is not able, nor is one that takes none', async () => {
  for (const code of [0, 23]) {
    const { exec: fake, calls } = scriptedExec(() => ({ code }));
    assert.equal(await can(fake, ['p'], 'REALITY'), false);
    assert.equal(calls.length, 2);
  }
});

test('VMess and VLESS without flow ask for nothing; Vision and REALITY for what they are', () => {
  assert.deepEqual(abilitiesOf(client({ protocol: 'vmess' })), []);
  assert.deepEqual(abilitiesOf(client({ flow: '' })), []);
  assert.deepEqual(abilitiesOf(client()), ['Vision']);
  assert.deepEqual(abilitiesOf(client({ reality: { public_key: 'K', short_id: 'aa' } })), ['Vision', 'REALITY']);
});

test('what the program lacks is an error that says which one can', async () => {
  const none = scriptedExec(() => undefined).exec;
  await ensureAble(none, { program: 'v2ray' }, [client({ flow: '' })]);
  await assert.rejects(ensureAble(none, { program: 'v2ray' }, [client()]), (error: AggregateError) => {
    assert.match(String(error.errors[0]), /Debian's v2ray can't do Vision/);
    assert.match((error.errors[0] as { hint: string }).hint, /install\.sh --xray/);
    return true;
  });
  const old = scriptedExec(() => '').exec;
  const refused = ensureAble(old, { program: 'xray', path: '/opt/old/xray' }, [client()]);
  await assert.rejects(refused, (error: AggregateError) =>
    /\/opt\/old\/xray can't do Vision/.test(String(error.errors[0])),
  );
});
