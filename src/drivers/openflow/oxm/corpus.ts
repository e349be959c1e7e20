// Flows over the whole grammar of the codec, such as ovs-ofctl takes them (ovs-fields(7), ovs-actions(7)).

import fc from 'fast-check';
import {
  hex,
  ip,
  ip6,
  ip6s,
  ips,
  mac,
  macs,
  masked,
  number,
  port,
  table,
  transport,
  two,
  type Words,
} from './arbitrary.ts';
import { anywhere, type Kind, tags, wordsOf } from './corpus.match.ts';

export type Text = { readonly match: string; readonly actions: string };

/** Flows of every sort, none of which ovs-ofctl refuses. */
export function flowText(): fc.Arbitrary<Text> {
  return fc.oneof(...kinds.map(flowOf));
}

/** The same flows each time for a seed. */
export function corpus(count: number, seed: number): readonly Text[] {
  return fc.sample(flowText(), { numRuns: count, seed });
}

const kinds: readonly Kind[] = [
  { word: '', link: 'none', proto: 'none' },
  { word: 'dl_type=0x1234', link: 'none', proto: 'none' },
  { word: 'ip', link: 'ip4', proto: 'none' },
  { word: 'ip,nw_proto=47', link: 'ip4', proto: 'none' },
  { word: 'tcp', link: 'ip4', proto: 'tcp' },
  { word: 'dl_type=0x0800,ip_proto=17', link: 'ip4', proto: 'udp' },
  { word: 'udp', link: 'ip4', proto: 'udp' },
  { word: 'sctp', link: 'ip4', proto: 'sctp' },
  { word: 'icmp', link: 'ip4', proto: 'icmp' },
  { word: 'ipv6', link: 'ip6', proto: 'none' },
  { word: 'ip6,nw_proto=6', link: 'ip6', proto: 'tcp' },
  { word: 'udp6', link: 'ip6', proto: 'udp' },
  { word: 'sctp6', link: 'ip6', proto: 'sctp' },
  { word: 'icmp6', link: 'ip6', proto: 'icmp6' },
  { word: 'arp', link: 'arp', proto: 'none' },
  { word: 'rarp', link: 'arp', proto: 'none' },
  { word: 'mpls', link: 'mpls', proto: 'none' },
  { word: 'mplsm', link: 'mpls', proto: 'none' },
];

const register = fc.constantFrom('NXM_NX_REG0[]', 'NXM_NX_REG1[]', 'reg2', 'NXM_NX_PKT_MARK[]', 'reg15[]');
const plainActions: readonly Words[] = [
  port.map((text) => `output:${text}`),
  fc.constantFrom(
    'NORMAL',
    'flood',
    'all',
    'in_port',
    'LOCAL',
    'ct_clear',
    'exit',
    'pop_queue',
    'controller',
    'CONTROLLER:128',
  ),
  fc.tuple(port, number(65535)).map(([to, length]) => `output(port=${to},max_len=${Number(length) + 14})`),
  fc
    .tuple(
      fc.constantFrom('no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'),
      number(65535),
      number(65535),
    )
    .map(([reason, id, length]) => `controller(reason=${reason},id=${id},max_len=${length})`),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.boolean())
    .map(([data, pause]) => `controller(userdata=${Array.from(data, two).join('.')}${pause ? ',pause' : ''})`),
  fc.constantFrom('output:reg3', 'output:NXM_NX_REG1[0..15]', 'output:OXM_OF_METADATA[4..20]'),
  fc.tuple(port, number(255)).map(([to, queue]) => `enqueue:${to}:${queue}`),
  number(0xffffffff).map((n) => `set_queue:${n}`),
  number(0xffffff00).map((n) => `group:${n}`),
  port.map((text) => `resubmit:${text}`),
  table.map((to) => `resubmit(,${to})`),
  fc.tuple(port, table).map(([from, to]) => `resubmit(${from},${to})`),
  macs.map((text) => `set_field:${text}->eth_dst`).filter(some),
  mac.map((text) => `mod_dl_src:${text}`),
  fc
    .tuple(fc.nat(15), masked(32))
    .map(([n, value]) => `set_field:${value}->reg${n}`)
    .filter(some),
  masked(64)
    .map((value) => `set_field:${value}->metadata`)
    .filter(some),
  masked(64)
    .map((value) => `set_field:${value}->xreg3`)
    .filter(some),
  masked(128)
    .map((value) => `set_field:${value}->xxreg1`)
    .filter(some),
  masked(64)
    .map((value) => `set_field:${value}->tun_id`)
    .filter(some),
  ip.map((value) => `set_field:${value}->tun_dst`),
  hex(32).map((value) => `load:${value}->NXM_NX_REG3[]`),
  fc.tuple(fc.nat(31), fc.nat(31)).chain(([a, b]) => {
    const [from, to] = a < b ? [a, b] : [b, a];
    return hex(to - from + 1).map((value) => `load:${value}->NXM_NX_REG9[${from}..${to}]`);
  }),
  fc.tuple(register, register).map(([from, to]) => `move:${from}->${to}`),
  fc.constant('move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]'),
  fc.nat(15).map((n) => `move:NXM_NX_REG0[${n}..${n + 16}]->NXM_NX_TUN_ID[7..23]`),
  register.map((text) => `push:${text}`),
  register.map((text) => `pop:${text}`),
  fc
    .uint8Array({ minLength: 0, maxLength: 30 })
    .map((data) => `note:${Array.from(data, two).join('.')}`)
    .filter((text) => text !== 'note:'),
  fc.tuple(number(65535), fc.nat(31)).map(([length, bit]) => `check_pkt_larger(${length})->NXM_NX_REG4[${bit}]`),
  number(0xffffffff).map((id) => `set_tunnel:${id}`),
  fc
    .tuple(table, fc.nat(65535), fc.nat(65535), hex(64))
    .map(
      ([to, idle, priority, cookie]) =>
        `learn(table=${to},idle_timeout=${idle},priority=${priority},cookie=${cookie},NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],output:NXM_OF_IN_PORT[])`,
    ),
  fc
    .tuple(fc.nat(65535), number(31))
    .map(
      ([limit, value]) =>
        `learn(limit=${limit},result_dst=NXM_NX_REG0[3],delete_learned,NXM_OF_VLAN_TCI[0..11],reg5[2..8]=${value},dl_type=0x800,nw_proto=17,udp_dst=53,load:${value}->NXM_NX_REG1[0..4])`,
    ),
  number(4095).map((vid) => `mod_vlan_vid:${vid}`),
  number(7).map((pcp) => `mod_vlan_pcp:${pcp}`),
  fc
    .tuple(fc.constantFrom('0x8100', '0x88a8'), number(4095))
    .map(([type, vid]) => `push_vlan:${type},set_vlan_vid:${vid},pop_vlan`),
];

/** Whether a mask leaves something to set. */
function some(text: string): boolean {
  return !/\/(0x0|00:00:00:00:00:00)->/.test(text);
}

function actionsOf({ link, proto }: Kind): readonly Words[] {
  if (link === 'arp')
    return [
      ...plainActions,
      ip.map((value) => `set_field:${value}->arp_spa`),
      number(255).map((value) => `set_field:${value}->arp_op`),
      fc.constant('move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]'),
    ];
  if (link === 'mpls')
    return [
      ...plainActions,
      fc.constant('dec_mpls_ttl'),
      number(255).map((ttl) => `set_mpls_ttl:${ttl}`),
      number(0xfffff).map((label) => `set_mpls_label:${label}`),
      number(7).map((value) => `set_mpls_tc:${value}`),
    ];
  if (link === 'none') return plainActions;
  const four = link === 'ip4';
  const address = four ? ip : ip6;
  const ports = proto === 'tcp' || proto === 'udp' || proto === 'sctp';
  const range = fc
    .tuple(
      address.filter((text) => !/^[0:.]*$/.test(text)),
      ports ? fc.option(fc.nat(65535)) : fc.constant(null),
      fc.constantFrom('', ',random', ',hash', ',persistent'),
    )
    .map(([text, to, more]) => `${four || to === null ? text : `[${text}]`}${to === null ? '' : `:${to}`}${more}`);
  const nat = fc.oneof(
    fc.constantFrom('nat', 'nat(src)', 'nat(dst)'),
    range.map((text) => `nat(src=${text})`),
    range.map((text) => `nat(dst=${text})`),
  );
  const mark = fc.oneof(
    masked(32)
      .map((value) => `set_field:${value}->ct_mark`)
      .filter(some),
    masked(128)
      .map((value) => `set_field:${value}->ct_label`)
      .filter(some),
    fc.constantFrom('load:5->NXM_NX_CT_LABEL[64..71]', 'move:NXM_NX_REG0[]->NXM_NX_CT_MARK[]'),
  );
  const options = fc.tuple(
    fc.constantFrom('commit', 'commit,force'),
    fc.oneof(
      fc.constantFrom('', ',zone=NXM_NX_REG0[0..15]'),
      number(65535).map((zone) => `,zone=${zone}`),
    ),
    fc.oneof(
      fc.constant(''),
      table.map((to) => `,table=${to}`),
    ),
    fc.oneof(
      fc.constant(''),
      nat.map((text) => `,${text}`),
    ),
    fc.oneof(
      fc.constant(''),
      fc.array(mark, { minLength: 1, maxLength: 3 }).map((list) => `,exec(${list.join(',')})`),
    ),
    fc.constant(proto === 'tcp' ? ',alg=ftp' : proto === 'udp' ? ',alg=tftp' : ''),
  );
  const ct = options.map((parts) => `ct(${parts.join('')})`);
  return [
    ...plainActions,
    ct,
    number(65535).map((zone) => `ct(table=5,zone=${zone})`),
    ct.map((text) => `clone(${text},output:3)`),
    fc.constant('dec_ttl'),
    fc.array(fc.nat(65535), { minLength: 1, maxLength: 5 }).map((list) => `dec_ttl(${list.join(',')})`),
    number(255).map((ttl) => `set_field:${ttl}->nw_ttl`),
    number(255).map((ttl) => `mod_nw_ttl:${ttl}`),
    number(63).map((value) => `set_field:${value}->ip_dscp`),
    number(63).map((value) => `mod_nw_tos:${Number(value) * 4}`),
    number(3).map((value) => `mod_nw_ecn:${value}`),
    four ? ip.map((value) => `mod_nw_dst:${value}`) : hex(20).map((value) => `set_field:${value}->ipv6_label`),
    (four ? ips : ip6s)
      .map((value) => `set_field:${value}->${four ? 'ip_src' : 'ipv6_dst'}`)
      .filter((text) => !/\/(0|0\.0\.0\.0|::|0:0:0:0:0:0:0:0)->/.test(text)),
    ...(ports
      ? [
          number(65535).map((value) => `mod_tp_src:${value}`),
          transport.map((value) => `set_field:${value}->${proto}_dst`).filter(some),
          fc.constant(`move:NXM_NX_REG0[0..15]->${proto}_src`),
        ]
      : []),
    ...(proto === 'tcp'
      ? [
          fc
            .tuple(number(65535), number(65535))
            .map(([idle, hard]) => `fin_timeout(idle_timeout=${idle},hard_timeout=${hard})`),
        ]
      : []),
  ];
}

function flowOf(kind: Kind): fc.Arbitrary<Text> {
  const own = wordsOf(kind);
  const list = (words: readonly Words[], most: number): fc.Arbitrary<readonly string[]> =>
    fc
      .uniqueArray(fc.nat(words.length - 1), { maxLength: Math.min(most, words.length) })
      .chain((indexes) => fc.tuple(...indexes.map((index) => words[index] as Words)));
  const match = fc
    .tuple(
      own.length === 0 ? fc.constant([]) : list(own, 6),
      list(anywhere, 4),
      fc.option(fc.oneof(...tags), { freq: 3 }),
    )
    .chain(([first, second, tag]) => {
      const all = [kind.word, ...first, ...second, ...(tag === null ? [] : [tag])].filter((word) => word !== '');
      return fc.shuffledSubarray(all, { minLength: all.length }).map((words) => words.join(','));
    });
  const doing = actionsOf(kind);
  const apply = fc.array(fc.oneof(...doing), { minLength: 1, maxLength: 4 }).map((words) => words.join(','));
  const optional = (words: Words): Words => fc.option(words, { nil: '', freq: 3 });
  const ordered = fc
    .tuple(
      optional(fc.integer({ min: 1, max: 0xffff }).map((id) => `meter:${id}`)),
      optional(apply),
      optional(fc.constant('clear_actions')),
      optional(
        fc.constantFrom('write_actions(output:1)', 'write_actions(set_field:5->reg1,group:7)', 'write_actions(drop)'),
      ),
      optional(fc.oneof(hex(64), masked(64)).map((value) => `write_metadata:${value}`)),
      optional(fc.integer({ min: 1, max: 254 }).map((to) => `goto_table:${to}`)),
    )
    .map((parts) => parts.filter((part) => part !== '').join(','));
  const conjunctions = fc
    .array(fc.tuple(number(0xffffffff), fc.integer({ min: 1, max: 64 }), fc.integer({ min: 2, max: 64 })), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) => parts.map(([id, k, n]) => `conjunction(${id},${Math.min(k, n)}/${n})`).join(','));
  const actions = fc.oneof(
    { weight: 6, arbitrary: apply },
    { weight: 3, arbitrary: ordered },
    { weight: 1, arbitrary: fc.constant('drop') },
    { weight: 1, arbitrary: conjunctions },
  );
  return fc.record({ match, actions: actions.map((text) => (text === '' ? 'drop' : text)) }, { noNullPrototype: true });
}
