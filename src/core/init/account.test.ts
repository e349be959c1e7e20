// The account's file, as wgcf writes it and as people keep it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAccount, shortId } from './account.ts';

const key = `${'A'.repeat(43)}=`;
const text = `access_token = '1542b25e-3dc4'\ndevice_id = 'a4498a36-729f-4522'\nlicense_key = '76920af6-03038681'\nprivate_key = '${key}'\n`;
const account = {
  accessToken: '1542b25e-3dc4',
  deviceId: 'a4498a36-729f-4522',
  licenseKey: '76920af6-03038681',
  privateKey: key,
};

test('an account is read with either sort of quotation marks, comments and line ends, with or without a licence', () => {
  assert.deepEqual(parseAccount(text), account);
  assert.deepEqual(parseAccount(`# mine\r\n${text.replaceAll("'", '"').replaceAll('\n', ' # here\r\n')}`), account);
  assert.deepEqual(parseAccount(text.replace(/license.*\n/, '')), { ...account, licenseKey: '' });
  assert.equal(shortId(account), 'a4498a36…');
});

test('what lacks the device, its token or its key is no account', () => {
  for (const name of ['access_token', 'device_id', 'private_key'])
    assert.equal(parseAccount(text.replace(new RegExp(`${name} = '[^']*'`), `${name} = ''`)), null, name);
  assert.equal(parseAccount(text.replace(key, key.slice(1))), null);
  assert.equal(parseAccount(text.replace('a4498a36', '../../etc')), null);
  assert.equal(parseAccount(''), null);
});
