// Actions of users' flows: which there are, what each needs, in what order, and how the switch prints them (ovs-actions(7)).

import { type ActionDraft, entries } from './draft.ts';
import { didYouMean } from './hint.ts';
import { type Fields, layers } from './match.ts';
import { type Path, quote } from './problem.ts';
import { type Form, forms } from './value.ts';

/** What is wrong with the actions of one flow; paths are relative to the list. */
export type ActionFault = { readonly path: Path; readonly message: string; readonly hint?: string };

/** Those that the schema refused are undefined. */
export type Actions = readonly (ActionDraft | undefined)[];

/** The conntrack zone of the chains (kinds/flow/mark.ts). */
const ourZone = 44100;

/** What actions are judged by. */
export type Around = {
  readonly table: number;
  /** The flow's match, and what it limits packets to; null when that can't be told. */
  readonly match: Fields;
  readonly layers: readonly string[] | null;
  /** The bridge's meters; null when they can't be told. */
  readonly meters: readonly string[] | null;
};

/** What stands where it can't, leads backwards, or lacks what it needs. */
export function actionFaults(actions: Actions, around: Around): readonly ActionFault[] {
  return entries<ActionDraft>(actions).flatMap(([index, action]) => [
    ...order(actions, index, action).map((message) => ({ path: [index], message })),
    ...one(action, around).map((fault) => ({ ...fault, path: [index, ...fault.path] })),
  ]);
}

/**
 * An action as the switch prints it. `port` translates a port's name, and `match` tells which port field is meant. A
 * meter is written by its name: `meter:slow`. Only for actions without faults.
 */
export function showAction(action: ActionDraft, match: Fields, port: (name: string) => string): string {
  if (action.type === 'output') return `output:${port(action.port ?? '')}`;
  if (action.type === 'normal') return 'NORMAL';
  if (action.type === 'set_field') {
    const { name, form } = settable(action.field ?? '', layers(match)) ?? { name: '', form: forms.long };
    return `set_field:${form.spell(String(action.value))}->${name}`;
  }
  if (action.type === 'load_register')
    return `load:${forms.long.spell(String(action.value))}->NXM_NX_REG${action.register}[]`;
  if (action.type === 'resubmit') return `resubmit(,${action.table})`;
  if (action.type === 'controller') return `CONTROLLER:${action.max_length ?? 65535}`;
  if (action.type === 'meter') return `meter:${action.meter}`;
  return action.type === 'ct' ? tracked(action) : 'drop';
}

/** The fields that set_field may change on a bridge with a chain: none by which the chain knows whose a packet is. */
export function onChain(field: string): boolean {
  return /^(nw_tos|ip_dscp|nw_ecn|ip_ecn|nw_ttl|(tp|tcp|udp)_(src|dst)|reg([0-9]|1[0-5]))$/.test(field);
}

function order(list: Actions, position: number, action: ActionDraft): readonly string[] {
  const last = position === list.length - 1;
  if (action.type === 'drop' && list.length > 1) return ['drop stands alone: expected no other action beside it'];
  if (action.type === 'meter' && position > 0) return ['a meter comes before all other actions, and there is one'];
  const goesOn = action.type === 'resubmit' || (action.type === 'ct' && action.table !== undefined);
  if (goesOn && !last) return [`packets go on in table ${action.table}: expected nothing after it`];
  const ends = goesOn || ['output', 'normal', 'drop', 'controller'].includes(action.type ?? 'drop');
  return last && !ends ? [`packets end here: expected output, normal or resubmit after ${action.type}`] : [];
}

function one(action: ActionDraft, { table, match, layers: layersOf, meters }: Around): readonly ActionFault[] {
  if (action.type === 'set_field') return field(action, layersOf);
  if (action.type === 'meter' && action.meter !== undefined && meters !== null && !meters.includes(action.meter))
    return [
      { path: ['meter'], message: `the bridge has no meter ${action.meter}`, ...didYouMean(action.meter, meters) },
    ];
  if ((action.type === 'resubmit' || action.type === 'ct') && action.table !== undefined && action.table <= table)
    return [{ path: ['table'], message: `expected a table above ${table}, so that there are no circles` }];
  if (action.type !== 'ct') return [];
  const { nat, commit, zone } = action;
  const given = [nat?.src, nat?.dst].filter((part) => part !== undefined).length;
  const needs = given > 0 ? ['ip'] : ['ip', 'ipv6'];
  return [
    ...(zone === ourZone ? [{ path: ['zone'], message: `zone ${ourZone} is the chain's: expected another` }] : []),
    ...(given === 2 ? [{ path: ['nat'], message: 'expected one of src and dst: a connection is rewritten once' }] : []),
    ...(given > 0 && commit !== true
      ? [{ path: ['nat'], message: 'the switch rewrites what it commits: expected "commit": true beside src or dst' }]
      : []),
    ...(layersOf === null || needs.some((layer) => layersOf.includes(layer))
      ? []
      : [{ path: [], message: `ct needs ${needs.join(' or ')} in match_fields` }]),
    ...(String(match['ct_state']).includes('+inv')
      ? [{ path: [], message: 'conntrack takes nothing that it has called invalid: expected no +inv in ct_state' }]
      : []),
  ];
}

/** `set_field`: a field that may be set, a value without a mask, and in the match the protocol that has the field. */
function field(
  action: Extract<ActionDraft, { type?: 'set_field' | undefined }>,
  layersOf: readonly string[] | null,
): readonly ActionFault[] {
  const { field: name, value } = action;
  if (name === undefined) return [];
  const found = settable(name, layersOf ?? []);
  if (found === undefined)
    return [{ path: ['field'], message: `set_field can't change ${quote(name)}`, ...didYouMean(name, setNames) }];
  const faults: ActionFault[] = [];
  const text = String(value);
  if (value !== undefined && (found.form.spell(text) === null || text.includes('/')))
    faults.push({
      path: ['value'],
      message: `expected ${found.form.expected.replace(/ or network.*|, or one with.*/, '')}`,
    });
  const { needs } = found;
  if (layersOf !== null && needs.length > 0 && !needs.some((layer) => layersOf.includes(layer)))
    faults.push({
      path: ['field'],
      message: `${name} needs ${needs.join(' or ')} in match_fields: other packets have no such field`,
    });
  return faults;
}

type Settable = { readonly name: string; readonly form: Form; readonly needs: readonly string[] };

const both = ['ip', 'ipv6'];
const settables: readonly (readonly [spellings: string, form: keyof typeof forms, needs: readonly string[]])[] = [
  ['eth_src dl_src', 'mac', []],
  ['eth_dst dl_dst', 'mac', []],
  ['ip_src nw_src ipv4_src', 'ipv4', ['ip']],
  ['ip_dst nw_dst ipv4_dst', 'ipv4', ['ip']],
  ['nw_tos', 'tos', both],
  ['ip_dscp', 'six', both],
  ['nw_ecn ip_ecn', 'two', both],
  ['nw_ttl', 'byte', both],
  ['tcp_src', 'word', ['tcp']],
  ['tcp_dst', 'word', ['tcp']],
  ['udp_src', 'word', ['udp']],
  ['udp_dst', 'word', ['udp']],
  ['tp_src', 'word', ['tcp', 'udp', 'sctp']],
  ['tp_dst', 'word', ['tcp', 'udp', 'sctp']],
  ['metadata', 'wide', []],
  ['pkt_mark', 'long', []],
  ...Array.from({ length: 16 }, (_, index) => [`reg${index}`, 'long', []] as const),
];
const setNames = settables.flatMap(([spellings]) => spellings.split(' '));

/** The switch knows no tp_dst to set: it is tcp_dst, udp_dst or sctp_dst. */
function settable(field: string, layersOf: readonly string[]): Settable | undefined {
  const row = settables.find(([spellings]) => spellings.split(' ').includes(field));
  if (row === undefined) return undefined;
  const [spellings, form, needs] = row;
  const [name = ''] = spellings.split(' ');
  const transport = needs.find((layer) => layersOf.includes(layer)) ?? 'tcp';
  return { name: name.replace(/^tp_/, `${transport}_`), form: forms[form], needs };
}

function tracked({ zone, table, commit, nat }: Extract<ActionDraft, { type?: 'ct' | undefined }>): string {
  const way = nat?.src === undefined ? ['dst', nat?.dst] : ['src', nat.src];
  const [address = '', ports = ''] = (way[1] ?? '').split(':');
  const [low, high] = ports.split('-');
  const range = ports === '' ? '' : `:${high === undefined || low === high ? low : ports}`;
  const rewrite = nat === undefined ? [] : [address === '' ? 'nat' : `nat(${way[0]}=${address}${range})`];
  return `ct(${[
    ...(commit === true ? ['commit'] : []),
    ...(table === undefined ? [] : [`table=${table}`]),
    `zone=${zone}`,
    ...rewrite,
  ].join(',')})`;
}
