// What our objects answer, message by message; the suites tell what callers see of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServedInterface } from './contract.ts';
import { objects, type Objects } from './service.ts';
import { CALL, ERROR, type Message, NO_REPLY, RETURN } from './wire.ts';

type Sent = Omit<Message, 'serial'>;

const echo: ServedInterface = {
  name: 'org.a.B',
  methods: {
    Echo: {
      in: [{ name: 'text', signature: 's' }],
      out: [{ name: 'same', signature: 's' }],
      call: async (args) => args,
    },
  },
};

function service(ask: (name: string) => Promise<number> = async () => 0): { served: Objects; sent: Sent[] } {
  const sent: Sent[] = [];
  const served = objects((message) => sent.push(message), ask);
  served.add('/a', [echo]);
  return { served, sent };
}

const call = (more: Partial<Message> = {}): Message => ({
  ...{ type: CALL, serial: 7, sender: ':1.5', path: '/a', interface: 'org.a.B', member: 'Echo' },
  ...{ signature: 's', body: ['x'], ...more },
});

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a call is answered to who made it, by its number', async () => {
  const { served, sent } = service();
  served.answer(call());
  await settled();
  assert.deepEqual(sent, [{ type: RETURN, signature: 's', body: ['x'], destination: ':1.5', replySerial: 7 }]);
});

test('a call that wants no answer gets none, neither a reply nor an error', async () => {
  const { served, sent } = service();
  for (const more of [{}, { member: 'None' }, { signature: 'u', body: [1] }])
    served.answer(call({ ...more, flags: NO_REPLY }));
  await settled();
  assert.deepEqual(sent, []);
});

test('a call without an interface is for the first that has the method', async () => {
  const { served, sent } = service();
  const { interface: _, ...bare } = call();
  served.answer(bare);
  await settled();
  assert.equal(sent[0]?.type, RETURN);
});

test('who calls is asked once while the name lives, and a caller whom nobody knows is refused', async () => {
  let asked = 0;
  const { served, sent } = service(async () => {
    asked += 1;
    if (asked > 2) throw new Error('gone');
    return 0;
  });
  for (const _ of [1, 2]) {
    served.answer(call());
    await settled();
  }
  assert.equal(asked, 1);
  served.forget(':1.5');
  served.answer(call());
  await settled();
  assert.equal(asked, 2);
  served.answer(call({ sender: ':1.6' }));
  await settled();
  assert.deepEqual(
    sent.map(({ type }) => type),
    [RETURN, RETURN, RETURN, ERROR],
  );
});

test('a path has one object, and one that was removed is not there any more', async () => {
  const { served, sent } = service();
  assert.throws(() => served.add('/a', [echo]), { code: 'internal' });
  const more = served.add('/b', [echo]);
  more.remove();
  more.remove();
  assert.throws(() => more.changed('org.a.B', []), { code: 'internal' });
  served.answer(call({ path: '/b' }));
  await settled();
  assert.equal(sent[0]?.errorName, 'org.freedesktop.DBus.Error.UnknownObject');
});
