// The control socket of a real switch, and of peers that misbehave.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type DummySwitch, startDummySwitch } from '../ovsdb/testing.ts';
import { controlSocket } from './client.ts';
import { controlSuite } from './suite.ts';

let ovs: DummySwitch;
before(async () => {
  ovs = await startDummySwitch();
});
after(() => ovs.stop());

controlSuite('control socket', async () => controlSocket(ovs.folder));

test('control socket: what it gives is what ovs-appctl prints', async () => {
  const made = await ovs.run(['ovs-vsctl', 'add-br', 'br0']);
  assert.equal(made.code, 0, made.stderr);
  const commands = [
    ['dpctl/show'],
    ['ofproto/trace', 'br0', 'in_port=LOCAL,ip'],
    ['list-commands'],
  ] as const satisfies readonly (readonly [string, ...string[]])[];
  for (const [name, ...args] of commands) {
    const { stdout } = await ovs.run(['ovs-appctl', name, ...args]);
    assert.equal((await controlSocket(ovs.folder).command(name, args)).trimEnd(), stdout.trimEnd(), name);
  }
});

test('control socket: without a switch it is an error of the host that says what to do', async () => {
  await assert.rejects(controlSocket('/nonexistent').command('version'), {
    code: 'host',
    message: 'reading /nonexistent/ovs-vswitchd.pid: no such file or directory',
    hint: /systemctl start/,
  });
});

test('control socket: a pid file that a dead switch left is an error of the host', () =>
  folder(async (runDir) => {
    await writeFile(join(runDir, 'ovs-vswitchd.pid'), '4999999\n');
    await assert.rejects(controlSocket(runDir).command('version'), { code: 'host', message: /4999999\.ctl/ });
    await writeFile(join(runDir, 'ovs-vswitchd.pid'), '../x\n');
    await assert.rejects(controlSocket(runDir).command('version'), { code: 'host', message: /no process number/ });
  }));

test('control socket: a peer that closes, is silent, or talks nonsense is an error', async () => {
  const cases: readonly (readonly [(socket: Socket) => void, string, RegExp])[] = [
    [(socket) => socket.end(), 'host', /closed the connection$/],
    [(socket) => socket.end('{"id":0,"res'), 'host', /in the middle/],
    [() => {}, 'timeout', /no answer/],
    [(socket) => socket.write('HTTP/1.1'), 'protocol', /byte/],
    [(socket) => socket.write('{"id":0,"result":5,"error":null}'), 'protocol', /no text/],
    [(socket) => socket.write('{"id":0,"result":null,"error":"no bridge\\n"}'), 'protocol', /^version: no bridge$/],
  ];
  for (const [answer, code, message] of cases)
    await folder(async (runDir) => {
      await writeFile(join(runDir, 'ovs-vswitchd.pid'), '7\n');
      const sockets: Socket[] = [];
      const server = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {}).once('data', () => answer(socket));
      });
      await new Promise<void>((resolve) => server.listen(join(runDir, 'ovs-vswitchd.7.ctl'), resolve));
      try {
        await assert.rejects(controlSocket(runDir, 100).command('version'), { code, message });
      } finally {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      }
    });
});

async function folder(use: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'op-ctl-'));
  try {
    await use(path);
  } finally {
    await rm(path, { recursive: true });
  }
}
