// The connection against switches that follow a script: what a real one seldom does.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../exec.ts';
import { refused } from './commit.ts';
import { dial } from './connection.ts';
import { openSession, type Session } from './session.ts';
import { agreeable, errorOf, helloOf, type Script, scriptedSwitch } from './testing.ts';
import { capturedAs } from './wire/capture.ts';
import type { FlowMod } from './wire/flow.ts';
import { encodeMessage, type Message, TYPE } from './wire/message.ts';

const flow = { cookie: 1n, table: 0, priority: 1, idleTimeout: 0, hardTimeout: 0, importance: 0, flags: 0 };
const mod: FlowMod = { command: 'add', flow: { ...flow, match: new Uint8Array(), instructions: new Uint8Array(100) } };

async function against(
  script: Script,
  use: (session: Session) => Promise<void>,
  deadline = 10_000,
  hello?: Uint8Array,
) {
  const options = hello === undefined ? { script } : { script, hello };
  await scriptedSwitch(options, async (path) => {
    const session = await openSession(path, deadline);
    try {
      await use(session);
    } finally {
      await session.close();
    }
  });
}

const say = (socket: Socket, message: Message): void => void socket.write(encodeMessage(message));

test('nobody there is an error of the host that names the socket and what to do', async () => {
  await assert.rejects(openSession('/nonexistent/br.mgmt'), {
    code: 'host',
    message: 'connecting to the switch at /nonexistent/br.mgmt: no such file or directory',
    hint: /systemctl start/,
  });
});

test('a switch of 1.3 is spoken to in 1.3, and has no flow monitor', () =>
  against(
    (message, socket, number) => {
      assert.equal(message.version, 4);
      agreeable(message, socket, number);
    },
    async (session) => {
      assert.equal(session.version, 4);
      assert.deepEqual(await session.dump(), []);
      await session.commit([mod, mod]);
      await assert.rejects(
        session.watch(() => {}),
        { code: 'host', message: /no flow monitor/ },
      );
    },
    10_000,
    helloOf(4),
  ));

test('a switch that speaks neither, refuses our hello, or says something else, is an error', async () => {
  const cases: readonly (readonly [Uint8Array, string, RegExp])[] = [
    [helloOf(1), 'host', /speaks OpenFlow 1\.0 alone/],
    [errorOf(capturedAs(5, 'hello'), 0, 0), 'host', /OFPHFC_INCOMPATIBLE/],
    [encodeMessage(capturedAs(5, 'ports')), 'protocol', /before its hello/],
    [Buffer.from('HTTP/1.1 400\r\n'), 'protocol', /where a message begins/],
  ];
  for (const [hello, code, message] of cases)
    await scriptedSwitch({ script: () => {}, hello }, (path) => assert.rejects(openSession(path), { code, message }));
});

test('a switch that says no hello is a timeout', () =>
  scriptedSwitch({ script: () => {}, hello: new Uint8Array() }, (path) =>
    assert.rejects(dial(path, 50), { code: 'timeout', message: /^saying hello/ }),
  ));

test('an echo is answered with its own content, while a question is open or not', async () => {
  const heard: Message[] = [];
  const echo: Message = { version: 5, type: TYPE.echoRequest, xid: 0xffff_ffff, body: Uint8Array.of(1, 2, 3) };
  await against(
    (message, socket, number) => {
      if (message.type === TYPE.echoReply) heard.push(message);
      else {
        say(socket, echo);
        agreeable(message, socket, number);
        say(socket, echo);
      }
    },
    async (session) => {
      await session.dump();
      await session.dump();
      for (const end = Date.now() + 5000; heard.length < 4 && Date.now() < end; ) await sleep(1);
    },
  );
  assert.deepEqual(
    heard,
    Array.from({ length: 4 }, () => ({ ...echo, type: TYPE.echoReply })),
  );
});

test('messages that nobody asked for are tolerated between a question and its answer', () =>
  against(
    (message, socket) => {
      const { body } = capturedAs(5, 'flows');
      const [first, rest] = [body.slice(), body.slice()];
      first[3] = 1;
      say(socket, { ...capturedAs(5, 'status'), xid: 0 });
      say(socket, { ...message, type: TYPE.multipartReply, body: first });
      say(socket, { version: 5, type: TYPE.packetIn, xid: 0, body: new Uint8Array(24) });
      say(socket, { ...capturedAs(5, 'update') });
      setTimeout(() => say(socket, { ...message, type: TYPE.multipartReply, body: rest }), 5);
    },
    async (session) => {
      assert.equal((await session.dump()).length, 4);
    },
  ));

test('questions side by side get each its own answer', () =>
  against(
    (message, socket) => {
      const kind = message.body[1] ?? 0;
      const name = { 1: 'flows', 3: 'tables', 10: 'meters', 13: 'ports' }[kind] ?? '';
      say(socket, { ...capturedAs(5, name), xid: message.xid });
    },
    async (session) => {
      const all = await Promise.all([
        session.dump(),
        session.ports(),
        session.tables(),
        session.meters(),
        session.dump(),
      ]);
      assert.deepEqual(
        all.map((list) => list.length),
        [2, 2, 3, 1, 2],
      );
    },
  ));

test('an error is its question’s alone', () =>
  against(
    (message, socket, number) => {
      if (number === 0) socket.write(errorOf(message, 1, 5));
      else agreeable(message, socket, number);
    },
    async (session) => {
      const first = assert.rejects(session.dump(), {
        code: 'protocol',
        message: 'reading the flows: the switch refused: OFPBRC_EPERM',
      });
      assert.deepEqual(await session.ports(), []);
      await first;
      assert.deepEqual(await session.dump(), []);
    },
  ));

test('an answer that nobody asked for, an error to nobody, another version and a wrong kind end the session', async () => {
  const cases: readonly ((message: Message) => Uint8Array)[] = [
    (message) => encodeMessage({ ...message, type: TYPE.barrierReply, xid: message.xid + 77 }),
    (message) => errorOf({ ...message, xid: message.xid + 77 }, 1, 5),
    (message) => encodeMessage({ ...message, type: TYPE.multipartReply, version: 4, body: message.body.slice(0, 8) }),
    (message) => encodeMessage({ ...capturedAs(5, 'ports'), xid: message.xid }),
    (message) => encodeMessage({ ...message, type: TYPE.multipartReply, body: new Uint8Array(3) }),
    () => Buffer.from('\x05\x13\x00\x07\x00\x00\x00\x00', 'latin1'),
  ];
  for (const [index, answer] of cases.entries())
    await against(
      (message, socket) => socket.write(answer(message)),
      async (session) => {
        await assert.rejects(session.dump(), { code: 'protocol' }, `case ${index}`);
        await assert.rejects(session.ports(), { code: 'protocol' }, `case ${index}`);
        assert.equal((await session.ended).code, 'protocol');
      },
    );
});

test('when the switch goes, every open question fails as an error of the host', async () => {
  for (const last of ['', '\x05\x13\x00\x20'])
    await against(
      (_, socket, number) => {
        if (number === 2) socket.end(last, 'latin1');
      },
      async (session) => {
        const questions = [session.dump(), session.ports(), session.commit([mod])];
        for (const result of await Promise.allSettled(questions)) {
          assert.equal(result.status, 'rejected');
          assert.equal((result.reason as { readonly code: unknown }).code, 'host');
        }
        assert.match((await session.ended).message, last === '' ? /closed the connection$/ : /middle of a message/);
        await assert.rejects(session.dump(), { code: 'host' });
      },
    );
});

test('no answer is a timeout, and the session is dead', () =>
  against(
    () => {},
    async (session) => {
      await assert.rejects(session.dump(), { code: 'timeout', message: /^reading the flows: no answer/ });
      await assert.rejects(session.dump(), { code: 'timeout' });
    },
    50,
  ));

test('a slow switch is no timeout as long as it says something', () =>
  against(
    (message, socket) => {
      const more = Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 0);
      const part = (body: Uint8Array): void => say(socket, { ...message, type: TYPE.multipartReply, body });
      for (let step = 1; step <= 6; step++) setTimeout(() => part(more), step * 50);
      setTimeout(() => part(message.body.slice(0, 8)), 350);
    },
    async (session) => {
      assert.deepEqual(await session.dump(), []);
    },
    200,
  ));

test('closing ends what is under way', () =>
  against(
    () => {},
    async (session) => {
      const open = assert.rejects(session.dump(), { code: 'host', message: /was closed/ });
      await session.close();
      await open;
      assert.match((await session.ended).message, /was closed/);
    },
  ));

test('a switch that reads slowly gets the whole bundle in the end', async () => {
  let adds = 0;
  await against(
    (message, socket, number) => {
      if (message.type !== TYPE.bundleAdd) return agreeable(message, socket, number);
      if (++adds % 4000 !== 0) return;
      socket.pause();
      setTimeout(() => socket.resume(), 10);
    },
    async (session) => {
      await session.commit(Array.from({ length: 20_000 }, () => mod));
      assert.equal(adds, 20_000);
    },
  );
});

test('a switch that reads nothing is given no more than the socket takes, and is a timeout', () =>
  scriptedSwitch({ script: (_, socket) => void socket.pause() }, async (path) => {
    const connection = await dial(path, 100);
    let taken = 0;
    let left = false;
    function* echoes(first: number): Generator<Uint8Array> {
      try {
        while (taken++ < 1000)
          yield encodeMessage({ version: 5, type: TYPE.echoRequest, xid: first, body: new Uint8Array(60_000) });
      } finally {
        left = true;
      }
    }
    const first = connection.xids(1);
    const question = { what: 'asking', first, count: 1, chunks: echoes(first), take: () => undefined };
    await assert.rejects(connection.ask(question), { code: 'timeout' });
    assert.ok(taken < 50, `${taken} messages of 60,000 bytes`);
    await connection.close();
    assert.ok(left);
  }));

test('a flow that cannot be added stops the whole bundle: it is discarded, and the first such flow named', async () => {
  const steps: number[] = [];
  await against(
    (message, socket, number) => {
      if (message.type === TYPE.bundleAdd) {
        const index = message.xid % 2 === 0 ? 1 : 0;
        if (index === 1) socket.write(errorOf(message, 4, 9));
        return;
      }
      if (message.type === TYPE.bundleControl) steps.push(message.body[5] ?? 0);
      agreeable(message, socket, number);
    },
    async (session) => {
      const error: unknown = await session.commit([mod, mod, mod, mod]).catch((cause: unknown) => cause);
      const { index } = refused(error) ?? assert.fail(String(error));
      assert.deepEqual(refused(error), { name: 'OFPBMC_BAD_PREREQ', index });
      assert.ok(index === 0 || index === 1);
      assert.equal((error as { readonly code: unknown }).code, 'protocol');
      await session.dump();
    },
  );
  assert.deepEqual(steps, [0, 6]);
});

test('a commit that is refused without a flow to blame says so', () =>
  against(
    (message, socket, number) => {
      if (message.type === TYPE.bundleControl && message.body[5] === 4) socket.write(errorOf(message, 17, 14));
      else agreeable(message, socket, number);
    },
    async (session) => {
      const error: unknown = await session.commit([mod]).catch((cause: unknown) => cause);
      assert.deepEqual(refused(error), { name: 'OFPBFC_TIMEOUT', index: null });
    },
  ));

test('a change that fits no message is refused, and the bundle is discarded', async () => {
  const heard: Message[] = [];
  await against(
    (message, socket, number) => {
      heard.push(message);
      agreeable(message, socket, number);
    },
    async (session) => {
      const wrong: FlowMod = { ...mod, flow: { ...mod.flow, priority: 70_000 } };
      const error: unknown = await session.commit([mod, wrong]).catch((cause: unknown) => cause);
      assert.equal(refused(error)?.index, 1);
      await session.commit([mod]);
    },
  );
  const steps = heard.filter(({ type }) => type === TYPE.bundleControl).map(({ body }) => body[5]);
  const [open, commit, discard] = [0, 4, 6];
  assert.deepEqual(steps, [open, discard, open, commit]);
});

test('an idle session does not keep the process alive', () =>
  scriptedSwitch({ script: agreeable }, async (path) => {
    const module = new URL('session.ts', import.meta.url).href;
    const script = `const { openSession } = await import(${JSON.stringify(module)});
      const session = await openSession(${JSON.stringify(path)});
      console.log((await session.dump()).length);`;
    const { code, stdout } = await exec([process.execPath, '--input-type=module', '-e', script], { deadline: 10_000 });
    assert.deepEqual([code, stdout], [0, '0']);
  }));

test('a question that is asked while a bundle is committed gets its answer', async () => {
  let held: (() => void) | null = null;
  await against(
    (message, socket, number) => {
      const answer = (): void => agreeable(message, socket, number);
      if (message.type === TYPE.bundleControl && message.body[5] === 4) held = answer;
      else answer();
      if (message.type === TYPE.multipartRequest) held?.();
    },
    async (session) => {
      const done = session.commit([mod]);
      for (const end = Date.now() + 5000; held === null && Date.now() < end; ) await sleep(1);
      assert.deepEqual(await session.dump(), []);
      await done;
    },
  );
});

test('only meters that differ are said, and only those that are there are deleted', async () => {
  const said: string[] = [];
  const meter = { id: 5, unit: 'pktps', burst: true, stats: true, bands: [{ rate: 50, burst: 100 }] } as const;
  await against(
    (message, socket, number) => {
      const name = { 9: 'meterStats', 10: 'meters' }[message.body[1] ?? 0];
      if (message.type === TYPE.meterMod) said.push(Buffer.from(message.body.subarray(0, 8)).toString('hex'));
      else if (message.type !== TYPE.multipartRequest) agreeable(message, socket, number);
      else say(socket, { ...capturedAs(5, name ?? ''), xid: message.xid });
    },
    async (session) => {
      await session.putMeters([meter]);
      await session.removeMeters([77]);
      assert.deepEqual(said, []);
      await session.putMeters([
        { ...meter, stats: false },
        { ...meter, id: 6 },
      ]);
      assert.deepEqual(said, ['0001000600000005', '0000000e00000006']);
    },
  );
});

test('a watch that is stopped is cancelled at the switch', async () => {
  const commands: (number | undefined)[] = [];
  await against(
    (message, socket, number) => {
      if (message.body[1] === 16) commands.push(message.body[8 + 15]);
      agreeable(message, socket, number);
    },
    async (session) => {
      const stop = await session.watch(() => {});
      assert.deepEqual(commands, [0]);
      await stop();
    },
  );
  assert.deepEqual(commands, [0, 2]);
});
