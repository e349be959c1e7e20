// The client against a real ovsdb-server and ovs-vswitchd, and against peers that misbehave.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, OpError } from '../../error.ts';
import { exec, run as insist } from '../exec.ts';
import { connectOvsdb } from './client.ts';
import { Framer } from './codec.ts';
import { dial } from './connection.ts';
import type { Ovsdb, Step } from './contract.ts';
import { type Operation, selects, snapshot } from './rows.ts';
import { bridge, describeOvsdb, port } from './suite.ts';
import { type DummySwitch, startDummySwitch } from './testing.ts';
import { type Outcome, outcome, transaction } from './transaction.ts';

const isCode = (code: ErrorCode, text: string) => (error: unknown) =>
  error instanceof OpError && error.code === code && error.message.includes(text);

describeOvsdb('the real database', async () => {
  const real = await startDummySwitch({ devices: 'missing' });
  const ovsdb = connectOvsdb(real.socket, { patience: 100 });
  const other = connectOvsdb(real.socket);
  const vsctl = (...argv: readonly string[]): Promise<string> => insist(real.run, ['ovs-vsctl', ...argv]);
  return {
    ovsdb,
    other,
    foreignBridge: async (name) =>
      void (await vsctl('add-br', name, '--', 'set', 'Bridge', name, 'datapath_type=dummy')),
    foreignPort: async (on, name) =>
      void (await vsctl('add-port', on, name, '--', 'set', 'Interface', name, 'type=internal')),
    stop: async () => {
      await Promise.all([ovsdb.close(), other.close()]);
      await real.stop();
    },
  };
});

describe('the client and a real switch', () => {
  let real: DummySwitch;
  let ovsdb: Ovsdb;
  const vsctl = (...argv: readonly string[]): Promise<string> => insist(real.run, ['ovs-vsctl', ...argv]);
  before(async () => {
    real = await startDummySwitch();
    ovsdb = connectOvsdb(real.socket);
  });
  after(async () => {
    await ovsdb.close();
    await real.stop();
  });

  test('rows that are changed in place keep their uuids', async () => {
    await ovsdb.transact([bridge('br'), port('br', 'p', { device: 'd', ofportRequest: 4 })], 'make');
    const uuids = async (): Promise<string> =>
      (await vsctl('get', 'Bridge', 'br', '_uuid')) +
      (await vsctl('get', 'Port', 'p', '_uuid')) +
      (await vsctl('get', 'Interface', 'd', '_uuid'));
    const first = await uuids();
    await ovsdb.transact(
      [bridge('br', { otherConfig: {} }), port('br', 'p', { device: 'd', ofportRequest: 5 })],
      'change',
    );
    assert.equal(await uuids(), first);
    assert.equal((await vsctl('get', 'Interface', 'd', 'ofport')).trim(), '5');
  });

  test('the comment is in the database log', async () => {
    await ovsdb.transact([bridge('br')], 'op-dbus: bridge br');
    assert.match(
      await insist(real.run, ['ovsdb-tool', 'show-log', join(real.folder, 'conf.db')]),
      /"op-dbus: bridge br"/,
    );
  });

  test('what was made from rows that somebody has changed since is refused, whole', async () => {
    const steps = [bridge('guard'), port('guard', 'g1'), port('guard', 'g2')];
    await ovsdb.transact(steps, 'make');
    const connection = await dial(real.socket, () => {});
    const transact = async (operations: readonly Operation[]): Promise<Outcome> =>
      outcome(await connection.request('transact', ['Open_vSwitch', ...operations], 10_000), operations.length);
    const refused = async (list: readonly Step[], ...change: readonly string[]): Promise<void> => {
      const read = await transact(selects);
      const found = snapshot(read.ok ? read.results : []);
      await vsctl(...change);
      const answer = await transact(transaction(found, list, 'late').operations);
      assert.ok(!answer.ok && answer.stale, change.join(' '));
    };
    const unmark = (table: string, name: string) => ['remove', table, name, 'external_ids', 'op-dbus'] as const;
    await refused([{ op: 'delete-bridge', name: 'guard' }], 'add-port', 'guard', 'g4');
    await refused([port('guard', 'g3')], 'add-port', 'guard', 'g3');
    await refused([{ op: 'delete-port', bridge: 'guard', name: 'g1' }], ...unmark('Port', 'g1'));
    await refused([port('guard', 'g2', { ofportRequest: 3 })], ...unmark('Port', 'g2'));
    await refused([bridge('guard')], ...unmark('Bridge', 'guard'));
    await refused([bridge('guard2')], 'add-br', 'guard2');
    await connection.close();
    assert.equal((await vsctl('get', 'Interface', 'g2', 'ofport_request')).trim(), '[]');
  });

  test('a bridge that the switch cannot make is an error, though its row is there', async () => {
    const hasty = connectOvsdb(real.socket, { patience: 100 });
    const wrong = bridge('odd', { datapathType: 'nonsense' });
    await assert.rejects(hasty.transact([wrong], 'test'), isCode('host', 'odd: the switch did not make it'));
    await hasty.close();
  });

  test('a switch that takes nothing is a timeout, and when it runs again the next transaction passes', async () => {
    const hasty = connectOvsdb(real.socket, { deadline: 300 });
    real.freeze(true);
    try {
      await assert.rejects(hasty.transact([port('br', 'late')], 'test'), isCode('timeout', 'did not take'));
    } finally {
      real.freeze(false);
    }
    await ovsdb.transact([port('br', 'late')], 'test');
    await hasty.close();
  });

  test('neither an idle connection nor a watch keeps the process alive', async () => {
    const module = new URL('client.ts', import.meta.url).href;
    const script = `const { connectOvsdb } = await import(${JSON.stringify(module)});
      const ovsdb = connectOvsdb(${JSON.stringify(real.socket)});
      await ovsdb.watch(() => {});
      const [bridges] = await Promise.all([ovsdb.bridges(), ovsdb.bridges()]);
      console.log(bridges.length > 0);`;
    const { code, stdout } = await exec([process.execPath, '--input-type=module', '-e', script], { deadline: 10_000 });
    assert.deepEqual([code, stdout.trim()], [0, 'true']);
  });
});

describe('the client and a peer that misbehaves', () => {
  let folder: string;
  let serial = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'op-ovsdb-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('nobody there is a host error that names the socket and what to do', async () => {
    const path = join(folder, 'none.sock');
    const ovsdb = connectOvsdb(path);
    await assert.rejects(
      ovsdb.bridges(),
      (error) => isCode('host', `${path}: no such file`)(error) && error instanceof OpError && error.hint !== undefined,
    );
    await ovsdb.close();
  });

  test('no answer is a timeout', () =>
    against(
      () => {},
      async (ovsdb) => {
        await assert.rejects(ovsdb.bridges(), isCode('timeout', 'no answer'));
      },
      50,
    ));

  test('garbage, an answer that nobody asked for and a half message are protocol errors', async () => {
    for (const text of ['HTTP/1.1 400\r\n', '{"id":99,"result":[],"error":null}', '{"result":[]}', '{a}'])
      await against(
        (_, socket) => socket.write(text),
        (ovsdb) => assert.rejects(ovsdb.bridges(), isCode('protocol', ''), text),
      );
    await against(
      (_, socket) => socket.end('{"id":0,'),
      async (ovsdb) => {
        await assert.rejects(ovsdb.bridges(), isCode('protocol', 'in the middle'));
      },
    );
  });

  test('a call that is refused, and results that are none, are protocol errors', async () => {
    for (const reply of [
      { error: 'unknown method' },
      { error: null, result: {} },
      { result: [{ error: 'I/O error' }, null, null] },
    ])
      await against(
        (call, socket) => say(socket, { id: call.id, ...reply }),
        (ovsdb) => assert.rejects(ovsdb.bridges(), isCode('protocol', '')),
      );
  });

  test('a connection that closes is a host error, and the next call makes another', async () => {
    let calls = 0;
    await against(
      (call, socket) => {
        if (calls++ === 0) socket.end();
        else say(socket, { id: call.id, result: EMPTY, error: null });
      },
      async (ovsdb) => {
        await assert.rejects(ovsdb.bridges(), isCode('host', 'closed the connection'));
        assert.deepEqual(await Promise.all([ovsdb.bridges(), ovsdb.bridges()]), [[], []]);
      },
    );
  });

  test('an echo is answered with its own content', async () => {
    const heard: unknown[] = [];
    await against(
      (call, socket) => {
        if (call.method === 'transact')
          say(socket, { id: 'echo', method: 'echo', params: ['a', 1] }, { id: call.id, result: EMPTY, error: null });
        else heard.push(call);
      },
      async (ovsdb) => {
        await ovsdb.bridges();
        for (const end = Date.now() + 5_000; heard.length === 0 && Date.now() < end; ) await sleep(1);
      },
    );
    assert.deepEqual(heard, [{ id: 'echo', result: ['a', 1], error: null }]);
  });

  test('reading is one call; a change is three, and an update that comes right behind the first reply counts', async () => {
    const calls: string[] = [];
    await against(
      (call, socket) => {
        calls.push(call.method);
        if (call.method === 'monitor')
          say(
            socket,
            { id: call.id, result: cfg(1), error: null },
            { id: null, method: 'update', params: ['op-dbus', cfg(2)] },
          );
        else if (call.params.length === 4) say(socket, { id: call.id, result: EMPTY, error: null });
        else say(socket, { id: call.id, result: committed(call, 2), error: null });
      },
      async (ovsdb) => {
        await ovsdb.bridges();
        assert.deepEqual(calls.splice(0), ['transact']);
        await ovsdb.transact([bridge('x')], 'test');
        assert.deepEqual(calls, ['transact', 'monitor', 'transact']);
      },
    );
  });

  test('a transaction that somebody came between is made anew; one that is always refused is a protocol error', async () => {
    for (const [refusals, refused] of [
      [2, false],
      [1_000, true],
    ] as const) {
      let writes = 0;
      await against(
        (call, socket) => {
          if (call.method === 'monitor') say(socket, { id: call.id, result: cfg(7), error: null });
          else if (call.params.length === 4) say(socket, { id: call.id, result: EMPTY, error: null });
          else {
            const stale = [...committed(call, 3), { error: 'constraint violation', details: 'two rows called x' }];
            say(socket, { id: call.id, result: writes++ < refusals ? stale : committed(call, 3), error: null });
          }
        },
        async (ovsdb) => {
          const done = ovsdb.transact([bridge('x')], 'test');
          await (refused ? assert.rejects(done, isCode('protocol', 'two rows called x')) : done);
        },
      );
      assert.equal(writes, refused ? 5 : 3);
    }
  });

  test('a database that was never initialised is a host error', async () => {
    await against(
      (call, socket) => {
        const result =
          call.method === 'monitor'
            ? {}
            : call.params.length === 4
              ? EMPTY
              : [...committed(call, 1).slice(0, -1), { rows: [] }];
        say(socket, { id: call.id, result, error: null });
      },
      (ovsdb) => assert.rejects(ovsdb.transact([bridge('x')], 'test'), isCode('host', 'never initialised')),
    );
  });

  test('closing ends what is under way, and nothing is asked afterwards', () =>
    against(
      () => {},
      async (ovsdb) => {
        const pending = assert.rejects(ovsdb.bridges(), isCode('host', 'was closed'));
        await sleep(20);
        await ovsdb.close();
        await pending;
        await assert.rejects(ovsdb.bridges(), isCode('internal', 'closed'));
      },
    ));

  /** Runs `use` with a client of a server that hands every message it gets to `answer`. */
  async function against(
    answer: (call: Call, socket: Socket) => void,
    use: (ovsdb: Ovsdb) => Promise<void>,
    deadline = 10_000,
  ): Promise<void> {
    const path = join(folder, `${serial++}.sock`);
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      const framer = new Framer();
      sockets.push(socket);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        for (const call of framer.push(chunk)) answer(call as Call, socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const ovsdb = connectOvsdb(path, { deadline });
    try {
      await use(ovsdb);
    } finally {
      await ovsdb.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  }
});

type Call = { readonly id: unknown; readonly method: string; readonly params: readonly unknown[] };

/** The answer to the three selects of an empty database. */
const EMPTY = [{ rows: [] }, { rows: [] }, { rows: [] }];

/** A monitor's view of a switch that has taken configuration `curCfg` and made the interface `x`. */
function cfg(curCfg: number): unknown {
  return {
    Open_vSwitch: { root: { new: { cur_cfg: curCfg } } },
    Interface: { id: { new: { name: 'x', ofport: 1, error: ['set', []] } } },
  };
}

function committed(call: Call, nextCfg: number): readonly unknown[] {
  return [...call.params.slice(2).map(() => ({ count: 1 })), { rows: [{ next_cfg: nextCfg }] }];
}

function say(socket: Socket, ...messages: readonly unknown[]): void {
  socket.write(messages.map((message) => JSON.stringify(message)).join(''));
}
