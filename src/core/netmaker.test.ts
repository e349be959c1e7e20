// The token file: what is a token, and what is said of a file that holds none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readToken } from './netmaker.ts';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
const token = encode({ server: 'api.netmaker.example.net', value: 'GHK3XKPLXHDQDLKMLDFAAEFD' });

test("Netmaker's token is read with or without quotes, beside comments, and byte for byte", () => {
  for (const line of [`NETMAKER_TOKEN="${token}"`, `NETMAKER_TOKEN='${token}'`, `export NETMAKER_TOKEN=${token}`])
    assert.deepEqual(readToken(`# Netmaker enrollment token\n\n${line}\n`), { token });
});

test("the specification's token, which looks like a JWT, is taken as it is", () => {
  for (const opaque of ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...', 'eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl'])
    assert.deepEqual(readToken(`NETMAKER_TOKEN="${opaque}"`), { token: opaque });
});

test('what is no token is refused, and never quoted', () => {
  const bad = {
    '': 'holds no token',
    '# only words': 'holds no token',
    [`NETMAKER_TOKEN="${token}"\nOTHER="x"`]: 'holds more than one line',
    [`TOKEN="${token}"`]: 'holds no NETMAKER_TOKEN="…"',
    [token]: 'holds no NETMAKER_TOKEN="…"',
    'NETMAKER_TOKEN=""': 'holds no NETMAKER_TOKEN="…"',
    [`NETMAKER_TOKEN="${token}`]: 'holds no NETMAKER_TOKEN="…"',
    [`NETMAKER_TOKEN="${token}" # mine`]: 'holds no NETMAKER_TOKEN="…"',
    'NETMAKER_TOKEN="your-token-here"': 'holds no enrolment token of Netmaker',
    [`NETMAKER_TOKEN="${encode({ server: 'x' })}"`]: 'holds no enrolment token of Netmaker',
    [`NETMAKER_TOKEN="${encode({ server: '', value: 'y' })}"`]: 'holds no enrolment token of Netmaker',
    [`NETMAKER_TOKEN="${encode(null)}"`]: 'holds no enrolment token of Netmaker',
    [`NETMAKER_TOKEN="${token.slice(0, 20)}"`]: 'holds no enrolment token of Netmaker',
    [`NETMAKER_TOKEN="$(id)${token}"`]: 'holds no enrolment token of Netmaker',
    [`NETMAKER_TOKEN="${encode({ server: 'x', value: 'y'.repeat(5000) })}"`]:
      'holds a token of more than 4096 characters',
  };
  for (const [text, why] of Object.entries(bad)) assert.deepEqual(readToken(text), { why }, text.slice(0, 60));
});

test('whatever the file holds, a token that is taken is one word that a shell and JSON leave as it is', () => {
  const parts = fc.constantFrom('NETMAKER_TOKEN=', '"', "'", token, 'eyJhbGciOiJ9', '.', '$(id)', '`', '\n', ' ', '\\');
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 8 }), (some) => {
      const found = readToken(some.join(''));
      if ('token' in found) assert.match(found.token, /^[A-Za-z0-9+/=._-]+$/);
      else assert.ok(!found.why.includes(token));
    }),
  );
});
