// Encoders: byte for byte what ovs-ofctl says to a switch.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { saidByOfctl } from '../testing.ts';
import { encodeBundleAdds, encodeBundleControl } from './bundle.ts';
import { encodeFlowMod, encodeFlowRequest, type FlowMod } from './flow.ts';
import { encodeMessage, type Message, TYPE, type Version } from './message.ts';
import { encodeMeterDelete, encodeMeterMod, encodeMeterRequest } from './meter.ts';
import { encodeMonitorRequest, MONITOR } from './monitor.ts';
import { encodePortStatsRequest, encodePortsRequest } from './port.ts';
import { encodeTablesRequest } from './table.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

/** What ovs-ofctl said, one message apart from barriers. */
async function said(version: Version, ...argv: readonly string[]): Promise<Message> {
  const messages = await saidByOfctl(version, argv, { last: ({ type }) => type === TYPE.barrierRequest });
  const [message, ...others] = messages.filter(({ type }) => type !== TYPE.barrierRequest);
  assert.ok(message !== undefined && others.length === 0, argv.join(' '));
  return message;
}

const matches = [
  ['', ''],
  ['ip', '80000a020800'],
  ['tcp,tp_dst=80', '80000a02080080001401068000' + '1c020050'],
  ['in_port=100,arp', '8000000400000064' + '80000a020806'],
] as const;

const actions = [
  ['drop', ''],
  ['goto_table:254', '00010008fe000000'],
  ['meter:5,output:100', '0006000800000005' + '00040018000000000000001000000064' + '0000000000000000'],
] as const;

const flags = [
  ['', 0],
  ['send_flow_rem', 1],
  ['check_overlap,no_packet_counts', 10],
  ['reset_counts,no_byte_counts', 20],
] as const;

const seconds = fc.integer({ min: 0, max: 0xffff });
const cookies = fc.bigInt({ min: 0n, max: 2n ** 64n - 2n });

/** A line for ovs-ofctl, and the change that it says. */
const changes: fc.Arbitrary<readonly [line: string, mod: FlowMod]> = fc
  .record({
    command: fc.constantFrom('add', 'modify', 'modify-strict', 'delete', 'delete-strict'),
    cookie: cookies,
    cookieMask: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
    table: fc.integer({ min: 0, max: 253 }),
    priority: fc.integer({ min: 0, max: 0xffff }),
    idle: seconds,
    hard: seconds,
    importance: seconds,
    flag: fc.constantFrom(...flags),
    match: fc.constantFrom(...matches),
    action: fc.constantFrom(...actions),
  })
  .map(({ command, cookie, cookieMask, table, priority, idle, hard, importance, flag, match, action }) => {
    const adding = command === 'add';
    const acting = !command.startsWith('delete');
    const strict = command !== 'modify' && command !== 'delete';
    const line = [
      command.replace('-', '_'),
      [
        `cookie=${cookie}${adding ? '' : `/${cookieMask}`},table=${table}`,
        ...(strict ? [`priority=${priority}`] : []),
        ...(adding ? [`idle_timeout=${idle},hard_timeout=${hard},importance=${importance}`] : []),
        ...(adding && flag[0] !== '' ? [flag[0]] : []),
        ...(match[0] === '' ? [] : [match[0]]),
        ...(acting ? [`actions=${action[0]}`] : []),
      ].join(','),
    ].join(' ');
    const flow = {
      // ovs-ofctl clears the bits that don't count.
      cookie: adding ? cookie : cookie & cookieMask,
      table,
      priority: strict ? priority : 0x8000,
      idleTimeout: adding ? idle : 0,
      hardTimeout: adding ? hard : 0,
      importance: adding ? importance : 0,
      flags: adding ? flag[1] : 0,
      match: bytes(match[1]),
      instructions: acting ? bytes(action[1]) : new Uint8Array(),
    };
    return [line, adding ? { command, flow } : { command, flow, cookieMask }];
  });

for (const version of [5, 4] as const)
  describe(`OpenFlow 1.${version - 1}`, () => {
    test('a bundle of any changes', async () => {
      const sample = fc.sample(changes, 300);
      const stdin = `${sample.map(([line]) => line).join('\n')}\n`;
      const theirs = await saidByOfctl(version, ['--bundle', 'add-flows', '@', '-'], { stdin });
      const adds = theirs.slice(1, -2);
      assert.equal(adds.length, sample.length);
      const first = adds[0]?.xid ?? 0;
      const mods = sample.map(([, mod]) => mod);
      const ours = Buffer.concat([
        ...encodeBundleAdds(version, 0, first, mods.length, (index) => mods[index] as FlowMod),
      ]);
      assert.equal(hex(ours), adds.map((message) => hex(encodeMessage(message))).join(''));
      for (const [message, step] of [
        [theirs[0], 'open'],
        [theirs.at(-1), 'commit'],
      ] as const)
        assert.equal(
          hex(encodeBundleControl(version, message?.xid ?? 0, 0, step)),
          hex(encodeMessage(message as Message)),
        );
    });

    test('a flow', async () => {
      const [[line, mod]] = fc.sample(
        changes.filter(([, { command }]) => command === 'add'),
        1,
      ) as [readonly [string, FlowMod]];
      const message = await said(version, 'add-flow', '@', line.replace('add ', ''));
      assert.equal(hex(encodeFlowMod(version, message.xid, mod)), hex(encodeMessage(message)));
    });

    test('meters', async () => {
      const meter = { id: 5, unit: 'pktps', burst: true, stats: true, bands: [{ rate: 50, burst: 100 }] } as const;
      const other = {
        id: 70_000,
        unit: 'kbps',
        burst: false,
        stats: false,
        bands: [
          { rate: 9, burst: 0 },
          { rate: 1e6, burst: 0 },
        ],
      } as const;
      const cases: readonly (readonly [readonly string[], (xid: number) => Uint8Array])[] = [
        [
          ['add-meter', '@', 'meter=5,pktps,burst,stats,bands=type=drop,rate=50,burst_size=100'],
          (xid) => encodeMeterMod(version, xid, 'add', meter),
        ],
        [
          ['mod-meter', '@', 'meter=70000,kbps,bands=type=drop,rate=9,type=drop,rate=1000000'],
          (xid) => encodeMeterMod(version, xid, 'modify', other),
        ],
        [['del-meter', '@', 'meter=5'], (xid) => encodeMeterDelete(version, xid, 5)],
        [['dump-meters', '@'], (xid) => encodeMeterRequest(version, 'meterConfig', xid)],
        [['meter-stats', '@', 'meter=5'], (xid) => encodeMeterRequest(version, 'meter', xid, 5)],
        [['meter-features', '@'], (xid) => encodeMeterRequest(version, 'meterFeatures', xid)],
      ];
      for (const [argv, encode] of cases) {
        const message = await said(version, ...argv);
        assert.equal(hex(encode(message.xid)), hex(encodeMessage(message)), argv.join(' '));
      }
    });

    test('requests for flows, ports and tables', async () => {
      const cases: readonly (readonly [string, (version: Version, xid: number) => Uint8Array])[] = [
        ['dump-flows', encodeFlowRequest],
        ['dump-ports-desc', encodePortsRequest],
        ['dump-ports', encodePortStatsRequest],
        ['dump-tables', encodeTablesRequest],
      ];
      for (const [command, encode] of cases) {
        const message = await said(version, command, '@');
        assert.equal(hex(encode(version, message.xid)), hex(encodeMessage(message)), command);
      }
    });
  });

test('a flow monitor', async () => {
  const monitors = ({ type, body }: Message): boolean => type === TYPE.multipartRequest && body[1] === 16;
  const [message] = (await saidByOfctl(5, ['monitor', '@', 'watch:'], { last: monitors })).filter(monitors);
  assert.ok(message !== undefined);
  const flags = Object.values(MONITOR).reduce((all, flag) => all | flag, 0);
  assert.equal(hex(encodeMonitorRequest(message.xid, 0, flags)), hex(encodeMessage(message)));
});

test('a bundle of any size comes in chunks of whole messages', () => {
  const flow = { cookie: 1n, table: 0, priority: 1, idleTimeout: 0, hardTimeout: 0, importance: 0, flags: 0 };
  const mod = {
    command: 'add',
    flow: { ...flow, match: new Uint8Array(), instructions: new Uint8Array(1000) },
  } as const;
  const chunks = [...encodeBundleAdds(5, 1, 1, 1000, () => mod)];
  assert.ok(chunks.length > 3 && chunks.every((chunk) => chunk.length % 1072 === 0 && chunk.length < 300_000));
});

test('a number that does not fit its field is refused, not cut', () => {
  const flow = { cookie: 1n, table: 0, priority: 1, idleTimeout: 0, hardTimeout: 0, importance: 0, flags: 0 };
  const empty = { match: new Uint8Array(), instructions: new Uint8Array() };
  for (const wrong of [{ priority: 65_536 }, { table: 256 }, { idleTimeout: -1 }, { hardTimeout: 1.5 }])
    assert.throws(() => encodeFlowMod(5, 1, { command: 'add', flow: { ...flow, ...empty, ...wrong } }), {
      code: 'protocol',
    });
  const long = { ...flow, ...empty, instructions: new Uint8Array(70_000) };
  assert.throws(() => encodeFlowMod(5, 1, { command: 'add', flow: long }), { code: 'protocol' });
});
