// A status on a terminal: 80 columns, marks, ages, what is unknown, and what to do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../engine/status.ts';
import { untouched } from '../engine/status.ts';
import { hopLines, statusLines } from './hops.ts';

const now = Date.parse('2026-01-02T03:04:05.000Z');
const part = (hop: string, name: string, waiting: string | null = null) => {
  return { hop, name, up: waiting === null, waiting, facts: {}, peers: [] };
};
const warp = { key: 'bmXOC+F1FxEMF9dyiK2H5/1SUtzH0JuVo51h2wPfgyo=', handshake: 12, received: 1_258_291, sent: 92 };
const silent = { ...warp, key: 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=', handshake: null, received: null };

const hops: Status['hops'] = [
  {
    name: 'wireguard-gateway',
    id: 100,
    up: true,
    waiting: null,
    parts: [
      part('wireguard-gateway', 'container'),
      { ...part('wireguard-gateway', 'wg0'), peers: [silent, { ...warp, handshake: 200 }] },
    ],
  },
  {
    name: 'warp-tunnel',
    id: 101,
    up: true,
    waiting: null,
    parts: [part('warp-tunnel', 'container'), { ...part('warp-tunnel', 'wg-warp'), peers: [warp] }],
  },
  {
    name: 'xray-client',
    id: 102,
    up: false,
    waiting: 'an answer from 192.0.2.1:443',
    parts: [part('xray-client', 'container'), part('xray-client', 'xray', 'an answer from 192.0.2.1:443')],
  },
];

test('each hop has a line, each of several peers one below its tunnel, and what is down says what it waits for', () => {
  assert.deepEqual(hopLines(hops), [
    '',
    '  HOP                      STATE  HANDSHAKE  RECEIVED  SENT',
    '✓ wireguard-gateway (100)  up',
    '✓   wg0                    up',
    '      HIgo9xNz…                   -          -         92 B',
    '      bmXOC+F1…                   3 min      1.2 MiB   92 B',
    '✓ warp-tunnel (101)        up',
    '✓   wg-warp                up     12 s       1.2 MiB   92 B',
    '✓ xray-client (102)        up',
    '✗   xray                   down',
    '      waits for an answer from 192.0.2.1:443',
  ]);
  assert.deepEqual(hopLines([]), []);
});

test('a container in a mesh is shown with its address there', () => {
  const one = { ...part('app-server', 'netmaker'), address: '10.10.0.2/16', peers: [warp] };
  const hop = { name: 'app-server', id: 104, up: true, waiting: null, parts: [part('app-server', 'container'), one] };
  assert.equal(hopLines([hop]).at(-1), '✓   netmaker 10.10.0.2/16  up     12 s       1.2 MiB   92 B');
});

const ready: Status = {
  ...untouched,
  ready: { ok: true, reasons: [] },
  applied: { file: 'state.json', at: '2026-01-02T03:01:05.000Z', entry: 7, edited: false },
  exit: { address: '104.28.10.10', why: null },
  drift: { differ: 0, commands: [], why: null },
};

test('of a ready chain: file, age, exit, and that nothing differs', () => {
  assert.deepEqual(statusLines(ready, now), [
    '✓ ready',
    '  applied  state.json, 3 min ago (op-dbus history 7)',
    '  exit     104.28.10.10',
    '  drift    none',
    '  daemon   does not run',
  ]);
});

test('of one that is not: the first commands cut to 80 columns, a change cut short with both ways out, faults', () => {
  const began = '2026-01-02T03:03:53.000Z';
  const mend = ['op-dbus rollback', 'op-dbus apply b.json'];
  const lines = statusLines(
    {
      ...ready,
      ready: { ok: false, reasons: [] },
      applied: { file: 'state.json', at: null, entry: null, edited: true },
      exit: { address: null, why: 'no answer' },
      drift: { differ: 2, commands: ['nft -f x', 'y'.repeat(90)], why: null },
      change: { action: 'apply b.json', began, running: false, mend },
      faults: ['no such socket'],
    },
    now,
  );
  assert.deepEqual(lines, [
    '✗ not ready',
    '  applied  state.json, -',
    '! file     state.json is another than was applied: op-dbus diff state.json',
    '  exit     unknown (no answer)',
    '✗ drift    2 differ from what was applied: op-dbus diff state.json',
    '             nft -f x',
    `             ${'y'.repeat(66)}…`,
    '✗ change   "apply b.json", 12 s ago: interrupted',
    '             undo it:      op-dbus rollback',
    '             finish it:    op-dbus apply b.json',
    '  daemon   does not run',
    '✗ fault    no such socket',
  ]);
  const running = { action: 'apply b.json', began, running: true, mend: [] };
  assert.ok(
    statusLines({ ...ready, change: running }, now).includes('  change   "apply b.json", 12 s ago: is under way'),
  );
  const unknown = { differ: null, commands: [], why: 'a key is missing' };
  assert.ok(statusLines({ ...ready, drift: unknown }, now).includes('✗ drift    unknown (a key is missing)'));
});

test('of a machine on which nothing was applied, just that', () => {
  assert.deepEqual(statusLines(untouched, now), ['✗ not ready', '  applied  nothing on this host as yet']);
});

test('of a daemon: what it does, what it waits with, what it did not take; and what waits to be confirmed', () => {
  const daemon: Status['daemon'] = {
    ...{ pid: 7, started: '', state: 'kept', drift: 0, held: [], refused: null, failing: null },
    ...{ applied: 'state.json', unconfirmed: null, deaf: [], shut: false },
  };
  assert.ok(statusLines({ ...ready, daemon }, now).includes('  daemon   keeps the host as it is applied (process 7)'));
  const held = [{ what: 'flow ovsbr0', until: '2026-01-02T03:05:00.000Z', times: 2 }];
  const refused = { path: '/etc/op-dbus/state.json', at: '', why: 'state.json:1:1 not JSON' };
  const failing = 'xray-client waits for an answer';
  const unconfirmed = { action: 'apply b.json', until: '2026-01-02T03:05:00.000Z' };
  const lines = statusLines(
    { ...ready, unconfirmed, daemon: { ...daemon, state: 'blind', shut: true, held, refused, failing } },
    now,
  );
  assert.deepEqual(lines.slice(4), [
    '! confirm  "apply b.json" is undone at 2026-01-02T03:05:00.000Z: op-dbus confirm',
    "✗ daemon   can't look at the host (process 7)",
    '             forwarding is shut since the boot, until the host is as it was applied',
    '             xray-client waits for an answer',
    '             flow ovsbr0 failed, or is undone again and again: left until 2026-01-02T03:05:00.000Z (2×)',
    '             /etc/op-dbus/state.json is not applied: state.json:1:1 not JSON',
  ]);
});
