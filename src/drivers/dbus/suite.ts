// What every bus does, real or in memory; `sample` is a service on it that has a bit of everything.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpError } from '../../error.ts';
import {
  type Bus,
  type Exported,
  type Place,
  refusal,
  refusalOf,
  type ServedInterface,
  type Signal,
  textOf,
  type Value,
} from './contract.ts';

export const sampleName = 'org.opdbus1.Sample';
const place: Place = { destination: sampleName, path: '/org/opdbus1/sample', interface: 'org.opdbus1.Sample' };

export type Sample = { readonly exported: Exported; readonly values: { level: number; name: string } };

/** Puts the sample on the bus under its name. */
export async function sample(bus: Bus): Promise<Sample> {
  const values = { level: 3, name: 'one' };
  const text = { name: 'text', signature: 's' };
  const served: ServedInterface = {
    name: place.interface,
    methods: {
      Echo: {
        in: [{ name: 'value', signature: 'v' }],
        out: [{ name: 'same', signature: 'v' }],
        call: async ([value]) => [value as Value],
      },
      Who: { in: [], out: [text, { name: 'uid', signature: 'u' }], call: async (_, { name, uid }) => [name, uid] },
      Join: {
        in: [text, { name: 'list', signature: 'as' }],
        out: [text],
        call: async ([by, list]) => [(list as readonly string[]).join(textOf(by))],
      },
      Refuse: { in: [text], out: [], call: async ([name]) => Promise.reject(refusal(textOf(name), 'not today')) },
      Fail: { in: [], out: [], call: async () => Promise.reject(new TypeError('a secret of ours')) },
      Usage: { in: [], out: [], call: async () => Promise.reject(new OpError('usage', 'no such entry')) },
      Lie: { in: [], out: [text], call: async () => [5] },
      Never: { in: [], out: [], call: () => new Promise(() => {}) },
    },
    properties: {
      Level: {
        signature: 'u',
        get: () => values.level,
        set: async (value) => {
          if (value === 0) throw refusal('org.opdbus1.Error.State', 'not zero');
          values.level = value as number;
        },
      },
      Name: { signature: 's', get: () => values.name },
      Big: { signature: 't', get: () => 2n ** 64n - 1n, emits: 'const' },
      Quiet: { signature: 'i', get: () => -5, emits: 'invalidates' },
    },
    signals: { Happened: [text, { name: 'when', signature: 'x' }] },
  };
  const exported = bus.export(place.path, [served]);
  await bus.request(sampleName);
  return { exported, values };
}

/** `connect` gives another connection to the same bus each time. */
export function dbusSuite(title: string, connect: () => Promise<Bus>): void {
  const both = async (use: (client: Bus, sample: Sample, server: Bus) => Promise<void>): Promise<void> => {
    const [server, client] = [await connect(), await connect()];
    try {
      await use(client, await sample(server), server);
    } finally {
      await client.close();
      await server.close();
    }
  };
  const call = (client: Bus, member: string, signature = '', args: readonly Value[] = [], reply = '') =>
    client.call({ ...place, member, signature, args, reply });

  test(`${title}: values of every type come back as they were sent, 64 bits whole`, () =>
    both(async (client) => {
      const values: readonly (readonly [string, Value])[] = [
        ['y', 255],
        ['b', true],
        ['n', -32768],
        ['q', 65535],
        ['i', -2147483648],
        ['u', 4294967295],
        ['x', -(2n ** 63n)],
        ['t', 2n ** 64n - 1n],
        ['d', 0.1],
        ['s', 'κλειδί \u{1f511}'],
        ['o', '/a/b_1'],
        ['g', 'a{sv}'],
        ['ay', [0, 255]],
        ['as', []],
        ['a{sv}', { __proto__x: { signature: 'u', value: 1 }, b: { signature: '(sx)', value: ['c', 2n] } }],
        ['a{ts}', [[2n ** 60n + 1n, 'x']]],
        ['a(oa{ss})', [['/', { k: 'v' }]]],
        ['v', { signature: 'aas', value: [['a'], []] }],
      ];
      for (const [signature, value] of values) {
        const sent = { signature, value };
        assert.deepEqual(await call(client, 'Echo', 'v', [sent], 'v'), [sent], signature);
      }
    }));

  test(`${title}: a value that is not of its type never leaves`, () =>
    both(async (client) => {
      const cases: readonly (readonly [string, Value, RegExp])[] = [
        ['y', 256, /expected a whole number from 0 to 255/],
        ['x', 5, /64 bits/],
        ['s', 'a\0b', /string/],
        ['s', '\ud800', /string/],
        ['o', '/a/', /object path/],
        ['as', 'ab', /list/],
        ['a{ss}', [['a', 'b']], /object/],
        ['(ss)', ['a'], /list of 2/],
        ['h', 0, /descriptor/],
        ['ss', 'a', /one type/],
      ];
      for (const [signature, value, message] of cases)
        await assert.rejects(call(client, 'Echo', 'v', [{ signature, value }], 'v'), { code: 'internal', message });
    }));

  test(`${title}: a method is told who calls, by name and uid`, () =>
    both(async (client) => {
      assert.deepEqual(await call(client, 'Who', '', [], 'su'), [client.name, await client.user(client.name)]);
    }));

  test(`${title}: arguments of other types than declared never reach the method`, () =>
    both(async (client) => {
      const wrong = [
        ['Join', 's', ['a']],
        ['Join', 'ss', ['a', 'b']],
        ['Who', 's', ['a']],
      ] as const;
      for (const [member, signature, args] of wrong) {
        const error = await caught(call(client, member, signature, args, 's'));
        assert.equal(refusalOf(error), 'org.freedesktop.DBus.Error.InvalidArgs');
        assert.match(error.message, /expected arguments of type "(sas|)", not "/);
      }
      assert.deepEqual(await call(client, 'Join', 'sas', ['-', ['a', 'b']], 's'), ['a-b']);
    }));

  test(`${title}: errors have names and words, and nothing of our inside`, () =>
    both(async (client) => {
      const cases = [
        ['Refuse', ['org.example.Error.No'], 'org.example.Error.No', /not today$/],
        ['Fail', [], 'org.freedesktop.DBus.Error.Failed', /an internal error of the service$/],
        ['Lie', [], 'org.freedesktop.DBus.Error.Failed', /an internal error of the service$/],
        ['Usage', [], 'org.opdbus1.Error.Usage', /no such entry$/],
        ['Nothing', [], 'org.freedesktop.DBus.Error.UnknownMethod', /no method Nothing/],
      ] as const;
      for (const [member, args, name, message] of cases) {
        const error = await caught(call(client, member, 's'.repeat(args.length), args));
        assert.equal(refusalOf(error), name);
        assert.match(error.message, message);
        assert.ok(!/secret|\.ts/.test(error.message), error.message);
      }
      const nowhere = await caught(client.call({ ...place, path: '/no', member: 'Who' }));
      assert.equal(refusalOf(nowhere), 'org.freedesktop.DBus.Error.UnknownObject');
      const nobody = await caught(client.call({ ...place, destination: 'org.opdbus1.Nobody', member: 'Who' }));
      assert.equal(refusalOf(nobody), 'org.freedesktop.DBus.Error.ServiceUnknown');
    }));

  test(`${title}: a reply of another type than expected is an error`, () =>
    both(async (client) => {
      await assert.rejects(call(client, 'Who', '', [], 's'), { code: 'protocol', message: /"s", not "su"/ });
    }));

  test(`${title}: a call that is not answered ends at its deadline, and its late reply is nobody's`, () =>
    both(async (client) => {
      await assert.rejects(client.call({ ...place, member: 'Never', deadline: 20 }), { code: 'timeout' });
      assert.deepEqual(await call(client, 'Join', 'sas', ['', []], 's'), ['']);
    }));

  test(`${title}: properties are read and set by their types, and read-only ones are not set`, () =>
    both(async (client, { values }) => {
      assert.deepEqual(await client.get(place, 'Level'), { signature: 'u', value: 3 });
      assert.deepEqual(await client.get(place, 'Big'), { signature: 't', value: 2n ** 64n - 1n });
      await client.set(place, 'Level', { signature: 'u', value: 9 });
      assert.equal(values.level, 9);
      const cases = [
        ['Level', { signature: 'i', value: 4 }, 'org.freedesktop.DBus.Error.InvalidArgs'],
        ['Level', { signature: 'u', value: 0 }, 'org.opdbus1.Error.State'],
        ['Name', { signature: 's', value: 'x' }, 'org.freedesktop.DBus.Error.PropertyReadOnly'],
        ['constructor', { signature: 's', value: 'x' }, 'org.freedesktop.DBus.Error.UnknownProperty'],
      ] as const;
      for (const [name, value, expected] of cases)
        assert.equal(refusalOf(await caught(client.set(place, name, value))), expected, name);
      assert.deepEqual(values, { level: 9, name: 'one' });
    }));

  test(`${title}: an object says what it has`, () =>
    both(async (client) => {
      const { interfaces } = await client.introspect(sampleName, place.path);
      const found = interfaces.find(({ name }) => name === place.interface);
      assert.deepEqual(
        found?.properties.map(({ name, signature, access, emits }) => [name, signature, access, emits].join(' ')),
        ['Level u readwrite true', 'Name s read true', 'Big t read const', 'Quiet i read invalidates'],
      );
      assert.deepEqual(
        found.methods.find(({ name }) => name === 'Join')?.in.map(({ signature }) => signature),
        ['s', 'as'],
      );
      assert.deepEqual((await client.introspect(sampleName, '/org')).nodes, ['opdbus1']);
    }));

  test(`${title}: a signal reaches those who listen, by the well-known name of its sender, until they stop`, () =>
    both(async (client, { exported }, server) => {
      const heard: Signal[] = [];
      const stop = await client.listen({ sender: sampleName, member: 'Happened' }, (signal) => heard.push(signal));
      const stranger = await connect();
      try {
        await sampleLike(stranger).then((other) => other.emit(place.interface, 'Happened', ['forged', 1n]));
        exported.emit(place.interface, 'Happened', ['real', -(2n ** 63n)]);
        await call(client, 'Who', '', [], 'su');
        await stranger.call({ ...place, member: 'Who', reply: 'su' });
        assert.deepEqual(
          heard.map(({ sender, args }) => [sender, ...args]),
          [[server.name, 'real', -(2n ** 63n)]],
        );
      } finally {
        await stranger.close();
      }
      await stop();
      exported.emit(place.interface, 'Happened', ['late', 0n]);
      await call(client, 'Who', '', [], 'su');
      assert.equal(heard.length, 1);
      assert.throws(() => exported.emit(place.interface, 'Happened', ['x', 1]), { code: 'internal' });
    }));

  test(`${title}: changed properties are told with their values, or as no longer valid`, () =>
    both(async (client, { exported, values }) => {
      const heard: (readonly Value[])[] = [];
      const match = { sender: sampleName, path: place.path, interface: 'org.freedesktop.DBus.Properties' };
      await client.listen(match, ({ args }) => heard.push(args));
      values.level = 12;
      exported.changed(place.interface, ['Level', 'Quiet', 'Big']);
      await call(client, 'Who', '', [], 'su');
      assert.deepEqual(heard, [[place.interface, { Level: { signature: 'u', value: 12 } }, ['Quiet']]]);
    }));

  test(`${title}: a manager lists the objects below it, and tells of new ones and of those that go`, () =>
    both(async (client, _, server) => {
      server.manage('/org/opdbus1');
      const manager = {
        destination: sampleName,
        path: '/org/opdbus1',
        interface: 'org.freedesktop.DBus.ObjectManager',
      };
      const heard: string[] = [];
      await client.listen({ sender: sampleName, ...{ interface: manager.interface } }, ({ member, args }) =>
        heard.push(`${member} ${textOf(args[0])}`),
      );
      const list = async () => {
        const [all] = await client.call({ ...manager, member: 'GetManagedObjects', reply: 'a{oa{sa{sv}}}' });
        return Object.keys(all as object).toSorted();
      };
      assert.deepEqual(await list(), [place.path]);
      const more = server.export('/org/opdbus1/more', [{ name: 'org.opdbus1.More' }]);
      assert.deepEqual(await list(), ['/org/opdbus1/more', place.path]);
      more.remove();
      assert.deepEqual(await list(), [place.path]);
      assert.deepEqual(heard, ['InterfacesAdded /org/opdbus1/more', 'InterfacesRemoved /org/opdbus1/more']);
    }));

  test(`${title}: a name that somebody has is refused, and free once it is released`, () =>
    both(async (client, _, server) => {
      await assert.rejects(client.request(sampleName), { code: 'foreign', message: /taken/ });
      await server.request(sampleName);
      await server.release(sampleName);
      await client.request(sampleName);
    }));

  test(`${title}: after close every call fails, and the end is no error`, async () => {
    const bus = await connect();
    await bus.close();
    assert.equal(await bus.ended, null);
    await assert.rejects(bus.call({ ...place, member: 'Who' }), { code: 'host' });
    await bus.close();
  });
}

async function sampleLike(bus: Bus): Promise<Exported> {
  const signals = {
    Happened: [
      { name: 'a', signature: 's' },
      { name: 'b', signature: 'x' },
    ],
  };
  return bus.export(place.path, [{ name: place.interface, signals }]);
}

async function caught(action: Promise<unknown>): Promise<OpError> {
  const error: unknown = await action.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof OpError, `nothing of ours was thrown: ${typeof error}`);
  return error;
}
