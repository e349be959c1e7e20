// The codec: bytes captured from ovs-ofctl, its own word on a small corpus, our golden flows, and hostile input.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { OpError } from '../../../error.ts';
import { decodeFlow, encodeFlow } from '../entry.ts';
import { parseFlow } from '../text.ts';
import { corpus, flowText } from './corpus.ts';
import { decodeInstructions, encodeInstructions, instructionsText, putInstructions } from './instruction.ts';
import { encodeMatch, putMatch } from './match.ts';
import { type Ports, unnamed } from './port.ts';
import { decodeMatch, matchText } from './print.ts';
import { compare } from './testing.ts';
import { Writer } from './writer.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'));

/** Ports that get their numbers as they are named. */
function naming(): Ports {
  const names: string[] = [];
  return {
    number: (name) => (names.includes(name) ? names.indexOf(name) : names.push(name) - 1) + 100,
    name: (number) => names[number - 100],
  };
}

test('a match has the bytes that were captured from ovs-ofctl, its fields in the order of the switch', () => {
  const captured: readonly (readonly [string, string])[] = [
    ['', ''],
    ['tcp_flags=+syn-ack,tcp', '80000a020800 80001401 06 ffff5508 4f4e4600 0002 0012'],
    ['ct_state=+trk+rpl-new-inv', '0001d308 00000028 00000039'],
    ['vlan_tci=0x1000/0x1000', '80000d04 1000 1000'],
    ['ip,nw_frag=yes', '80000a020800 00013502 01 01'],
    ['ip,nw_ttl=1', '80000a020800 00013a01 01'],
    ['nw_src=10.0.0.5/24,ip', '80000a020800 80001708 0a000000 ffffff00'],
    ['xreg1=0x500000000', '00010404 00000005 00010604 00000000'],
    ['arp,arp_op=1,arp_spa=10.0.0.1', '80000a020806 80002a02 0001 80002c04 0a000001'],
    ['in_port=LOCAL', '80000004 fffffffe'],
  ];
  for (const [text, bytes] of captured) assert.equal(hex(encodeMatch(text, unnamed)), bytes.replaceAll(' ', ''), text);
});

test('instructions have the bytes that were captured from ovs-ofctl', () => {
  const captured: readonly (readonly [string, string])[] = [
    ['drop', ''],
    ['goto_table:2', '0001 0008 02000000'],
    ['meter:100,goto_table:1', '0006 0008 00000064 0001 0008 01000000'],
    ['resubmit(,20)', '0004 0018 00000000 ffff 0010 00002320 000e fff8 14 000000'],
    ['ct(table=6,zone=44100)', '0004 0020 00000000 ffff 0018 00002320 0023 0000 00000000 ac44 06 000000 0000'],
    ['mod_nw_ttl:65', '0004 0010 00000000 0017 0008 41000000'],
  ];
  for (const [text, bytes] of captured)
    assert.equal(hex(encodeInstructions(text, unnamed)), bytes.replaceAll(' ', ''), text);
});

test('the level-3 pipeline of the reference reads as ovs-ofctl reads and prints it', async () => {
  const lines = readFileSync(new URL('fixture/pipeline-level3.flows', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  const flows = lines.map((line) => parseFlow(line.replace(/,actions=/, ' actions=')));
  assert.ok(flows.length > 80);
  assert.deepEqual(await compare(flows), []);
});

test('every flow of the documentation and of the golden cases is printed word for word after it was encoded', () => {
  const root = new URL('../../../../', import.meta.url).pathname;
  const files = globSync(['docs/*.md', 'test/golden/*/flows.txt'], { cwd: root });
  const lines = files
    .flatMap((file) => readFileSync(`${root}${file}`, 'utf8').split('\n'))
    .filter((line) => /^cookie=\S+, .*actions=/.test(line));
  assert.ok(lines.length > 150);
  const ports = naming();
  for (const line of lines) {
    const flow = parseFlow(line);
    assert.deepEqual(decodeFlow(encodeFlow(flow, ports), ports), flow);
  }
});

test('a corpus over the whole grammar has the bytes and the text of ovs-ofctl', async () => {
  assert.deepEqual(await compare(corpus(600, 20_261_124)), []);
});

test('what is printed reads as the same again, in any order of the words', () => {
  const ports = naming();
  fc.assert(
    fc.property(flowText(), ({ match, actions }) => {
      const bytes = encodeMatch(match, ports);
      const text = decodeMatch(bytes, ports);
      assert.equal(decodeMatch(encodeMatch(text, ports), ports), text, match);
      // OVS's text has no mask of tun_gbp_flags, nor a bare Ethernet type, and the full mask of tcp_flags is no mask.
      const untold = /tun_gbp_flags/.test(text) || /^80005804|ffff55084f4e4600....0fff/.test(hex(bytes));
      if (!untold) assert.equal(hex(encodeMatch(text, ports)), hex(bytes), match);
      assert.equal(hex(encodeMatch(match.split(',').toReversed().join(','), ports)), hex(bytes));
      const done = decodeInstructions(encodeInstructions(actions, ports, match), ports);
      assert.equal(decodeInstructions(encodeInstructions(done, ports), ports), done, actions);
    }),
    { numRuns: 300 },
  );
});

test('ports are named both ways, and an unknown one is an error that names it', () => {
  const ports: Ports = {
    number: (name) => (name === 'internal_100' ? 32868 : undefined),
    name: (number) => (number === 32868 ? 'internal_100' : undefined),
  };
  assert.equal(hex(encodeMatch('in_port=internal_100', ports)), '8000000400008064');
  assert.equal(decodeMatch(bytesOf('8000000400008064'), ports), 'in_port=internal_100');
  assert.equal(decodeMatch(bytesOf('8000000400008065'), ports), 'in_port=32869');
  const actions = 'resubmit(internal_100,4),output:internal_100';
  assert.equal(decodeInstructions(encodeInstructions(actions, ports), ports), actions);
  assert.throws(() => encodeMatch('in_port=nowhere', ports), { code: 'state', message: /in_port=nowhere/ });
  assert.throws(() => encodeInstructions('output:nowhere', ports), { code: 'state', message: /nowhere/ });
  // What was remembered with other ports isn't used.
  assert.throws(() => encodeMatch('in_port=internal_100', unnamed), { code: 'state' });
});

test('a field without its prerequisite is refused by name, which ovs-ofctl would leave out', () => {
  const wrong = [
    'tp_dst=80',
    'ip,tp_dst=80',
    'udp,tcp_flags=+syn',
    'udp,tcp_dst=80',
    'nw_dst=10.0.0.1',
    'ipv6,nw_src=10.0.0.1',
    'ip,icmp_type=8',
    'ip,arp_tpa=1.1.1.1',
    'nw_ttl=1',
    'nw_proto=6',
    'icmp6,nd_target=::1',
    'icmp6,icmp_type=135,icmp_code=1,nd_target=::1',
    'icmp6,icmp_type=136,nd_sll=00:00:00:00:00:01',
    'mpls_label=5',
    'ip,ct_nw_src=1.1.1.1',
    'ip,ct_state=+est,ct_tp_src=5',
  ];
  for (const match of wrong) {
    const name = (match.split(',').at(-1) ?? '').split('=')[0] ?? '';
    assert.throws(() => encodeMatch(match, unnamed), { code: 'state', message: new RegExp(`^${name} needs `) }, match);
  }
});

test('words that are unknown, contradict each other or are out of range are refused by name', () => {
  const matches: readonly (readonly [string, RegExp])[] = [
    ['tcp,tp_dts=80', /tp_dts/],
    ['nonsense', /nonsense/],
    ['tcp,udp', /udp/],
    ['in_port=1,in_port=2', /in_port.* twice/],
    ['reg0=1,xreg0=0', /reg0 twice/],
    ['tcp,tp_dst=65536', /65536/],
    ['tcp,tp_dst=080', /080/],
    ['tcp,tp_dst=-1', /-1/],
    ['ip,nw_src=256.0.0.1', /256/],
    ['ip,nw_src=010.0.0.1', /010/],
    ['ip,nw_src=10.0.0.1/33', /33/],
    ['ip,nw_ttl=1/3', /nw_ttl takes no mask/],
    ['ip,nw_ecn=4', /nw_ecn=4/],
    ['dl_src=00:00:00:00:00', /dl_src/],
    ['dl_vlan=4096', /4096/],
    ['dl_vlan=5/0xff', /no mask/],
    ['vlan_tci=0x2000/0x2000', /vlan_tci/],
    ['tcp,tcp_flags=+synn', /synn/],
    ['packet_type=(1,0x800)', /packet_type/],
    ['reg0[30..40]=1', /32 bits/],
  ];
  for (const [text, message] of matches)
    assert.throws(() => encodeMatch(text, unnamed), { code: 'state', message }, text);
  const actions: readonly (readonly [string, RegExp])[] = [
    ['', /no action/],
    ['drop,output:1', /drop/],
    ['outptu:1', /outptu/],
    ['bundle(eth_src,0,hrw,ofport,members:1,2)', /bundle.*no such action/],
    ['goto_table:5,output:1', /output:1 behind goto_table/],
    ['meter:1,meter:2', /meter:2 twice/],
    ['set_field:5->ct_state', /read-only/],
    ['set_field:64->ip_dscp', /64/],
    ['set_field:5', /->/],
    ['load:16->NXM_NX_REG0[0..3]', /4 bits/],
    ['move:reg0[0..3]->reg1[0..4]', /width/],
    ['ct(commit,exec(output:1))', /output:1/],
    ['ct(force)', /force needs commit/],
    ['ct(nat(src=1.2.3.4,dst=1.2.3.4))', /only one/],
    ['ct(table=6', /not closed/],
    ['mod_tp_dst:5', /tcp, udp or sctp/],
    ['conjunction(5,3/2)', /3\/2/],
    ['resubmit(,255)', /255/],
  ];
  for (const [text, message] of actions)
    assert.throws(() => encodeInstructions(text, unnamed), { code: 'state', message }, text);
});

test('an unknown TLV, action or instruction is an error that names it, never text', () => {
  assert.throws(() => decodeMatch(bytesOf('8000fe0400000000'), unnamed), {
    code: 'protocol',
    message: /0x8000, field 127/,
  });
  assert.throws(() => decodeMatch(bytesOf('ffff0206 12345678 0001'), unnamed), {
    code: 'protocol',
    message: /0x12345678/,
  });
  assert.throws(() => decodeMatch(bytesOf('80000004 00000001 80000004 00000002'), unnamed), {
    code: 'protocol',
    message: /twice/,
  });
  const apply = (digits: string): Uint8Array => {
    const body = bytesOf(digits);
    return Uint8Array.of(0, 4, 0, body.length + 8, 0, 0, 0, 0, ...body);
  };
  const read = (digits: string) => (): string => decodeInstructions(apply(digits), unnamed);
  assert.throws(read('00630008 00000000'), { code: 'protocol', message: /type 99/ });
  assert.throws(read('ffff0010 00002320 00f0 000000000000'), { code: 'protocol', message: /Nicira's 240/ });
  assert.throws(read('ffff0010 00001234 0001 000000000000'), { code: 'protocol', message: /0x1234/ });
  assert.throws(() => decodeInstructions(bytesOf('00090008 00000000'), unnamed), {
    code: 'protocol',
    message: /type 9/,
  });
});

test('lengths and bits that cannot be are errors that say so', () => {
  const match = (digits: string) => (): string => decodeMatch(bytesOf(digits), unnamed);
  assert.throws(match('80000a0208'), { code: 'protocol', message: /eth_type runs over/ });
  assert.throws(match('80000a020800 8000'), { code: 'protocol', message: /within its header/ });
  const read = (digits: string) => (): string => decodeInstructions(bytesOf(digits), unnamed);
  assert.throws(read('0004 0010 00000000 0017 000c 41000000'), { code: 'protocol', message: /length 12 of 8/ });
  assert.throws(read('0004 0010 00000000 0017 0000 41000000'), { code: 'protocol', message: /length 0 of 8/ });
  assert.throws(read('0004 0014 00000000 0017 000c 41000000 00000000'), { code: 'protocol', message: /length 20/ });
  assert.throws(read('0004 0018 00000000 0017 000c 41000000 00000000 00000000'), {
    code: 'protocol',
    message: /length 12/,
  });
  assert.throws(read('0004 0040 00000000'), { code: 'protocol', message: /length 64 of 8/ });
  const load = '0004 0020 00000000 ffff 0018 00002320 0007 078a 00010004 0000000000000001';
  assert.throws(read(load), { code: 'protocol', message: /bits 30 to 40 of reg0/ });
});

test('flows written one behind the other read as each of them, and what is refused leaves nothing', () => {
  const writer = new Writer();
  const flows = corpus(200, 3);
  const places = flows.map(({ match, actions }) => {
    const from = writer.length;
    putMatch(writer, match, unnamed);
    const between = writer.length;
    assert.throws(() => putMatch(writer, `${match},nonsense`, unnamed));
    assert.throws(() => putInstructions(writer, 'output:1,nonsense', unnamed));
    assert.equal(writer.length, between);
    putInstructions(writer, actions, unnamed, match);
    return [from, between, writer.length] as const;
  });
  for (const [index, { match, actions }] of flows.entries()) {
    const [from, between, to] = places[index] ?? [0, 0, 0];
    assert.equal(matchText(writer.bytes, from, between, unnamed), decodeMatch(encodeMatch(match, unnamed), unnamed));
    const alone = decodeInstructions(encodeInstructions(actions, unnamed, match), unnamed);
    assert.equal(instructionsText(writer.bytes, between, to, unnamed), alone);
  }
});

test('actions nested too deep are an error both ways, not a stack overflow', () => {
  const deep = 5000;
  assert.throws(() => encodeInstructions(`${'clone('.repeat(deep)}output:1${')'.repeat(deep)}`, unnamed), {
    code: 'state',
    message: /deep/,
  });
  const levels = 4000;
  const bytes = new Uint8Array(8 + 16 * levels);
  for (let level = 0; level < levels; level += 1) {
    const length = bytes.length - 8 - 16 * level;
    bytes.set([255, 255, length >> 8, length & 255, 0, 0, 0x23, 0x20, 0, 42], 8 + 16 * level);
  }
  bytes.set([0, 4, bytes.length >> 8, bytes.length & 255], 0);
  assert.throws(() => decodeInstructions(bytes, unnamed), { code: 'protocol', message: /deep/ });
});

test('cut off anywhere or changed anywhere, bytes give text or an error of the protocol', () => {
  const quiet = (read: () => string): void => {
    try {
      read();
    } catch (error) {
      assert.ok(error instanceof OpError && error.code === 'protocol', String(error));
    }
  };
  for (const { match, actions } of corpus(60, 7)) {
    const tlvs = encodeMatch(match, unnamed);
    const done = encodeInstructions(actions, unnamed, match);
    for (let at = 0; at < tlvs.length; at += 1) quiet(() => decodeMatch(tlvs.slice(0, at), unnamed));
    for (let at = 0; at < done.length; at += 1) {
      quiet(() => decodeInstructions(done.slice(0, at), unnamed));
      const changed = Uint8Array.from(done);
      changed[at] = (changed[at] ?? 0) ^ 0x81;
      quiet(() => decodeInstructions(changed, unnamed));
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => quiet(() => decodeMatch(bytes, unnamed))));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => quiet(() => decodeInstructions(bytes, unnamed))));
});

test('text of any sort gives bytes or an error of the state', () => {
  const quiet = (encode: () => Uint8Array): void => {
    try {
      encode();
    } catch (error) {
      assert.ok(error instanceof OpError && error.code === 'state', String(error));
    }
  };
  const alphabet = [
    ...Array.from('=,:()[]/->+.0x1f '),
    'ip',
    'reg0',
    'tcp',
    'ct',
    'learn',
    'output',
    'set_field',
    'nat',
    'load',
    'NXM_NX_REG0',
  ];
  const text = fc.array(fc.constantFrom(...alphabet), { maxLength: 20 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (match) => quiet(() => encodeMatch(match, unnamed))),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(text, (actions) => quiet(() => encodeInstructions(actions, unnamed))),
    { numRuns: 500 },
  );
});
