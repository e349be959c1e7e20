// What a switch refuses, by the names that Open vSwitch prints (OpenFlow 1.4.1 §7.5.4, 1.3.5 §7.4.4; ONF extensions in 1.3). Pure: no socket.

import { atLeast, type Message, ONF, viewOf } from './message.ts';

/** `data` is the refused message or its beginning. */
export type Refusal = { readonly name: string; readonly data: Uint8Array };

/** @throws OpError `protocol` when it is cut. */
export function decodeError({ body, version }: Message): Refusal {
  atLeast(body.length, 4, 'an error');
  const view = viewOf(body);
  const [type, code] = [view.getUint16(0), view.getUint16(2)];
  if (type !== EXPERIMENTER) return { name: nameOf(version, type, code), data: body.subarray(4) };
  atLeast(body.length, 8, "an extension's error");
  const vendor = view.getUint32(4);
  const bundle = vendor === ONF ? BUNDLE[code - ONF_BUNDLE] : undefined;
  const name = bundle === undefined ? `extension 0x${vendor.toString(16)} error ${code}` : `OFPBFC_${bundle}`;
  return { name, data: body.subarray(8) };
}

function nameOf(version: number, type: number, code: number): string {
  const [prefix, names = []] = NAMES[type] ?? [];
  const name = names[code];
  if (version < 5 && type === FEATURES && code >= 2 && code <= 4) return `OFPBPC_${NAMES[PROPERTY]?.[1][code - 2]}`;
  return name === undefined || name === '' ? `error type ${type}, code ${code}` : `${prefix}_${name}`;
}

const EXPERIMENTER = 0xffff;
const FEATURES = 13;
const PROPERTY = 14;
const ONF_BUNDLE = 2300;

const BUNDLE = words(
  'UNKNOWN EPERM BAD_ID BUNDLE_EXIST BUNDLE_CLOSED OUT_OF_BUNDLES BAD_TYPE BAD_FLAGS MSG_BAD_LEN MSG_BAD_XID MSG_UNSUP MSG_CONFLICT MSG_TOO_MANY MSG_FAILED TIMEOUT BUNDLE_IN_PROGRESS',
);

/** By type; each name's place is its code. 1.3 says the same but for the codes it lacks. */
const NAMES: readonly (readonly [prefix: string, names: readonly string[]])[] = [
  ['OFPHFC', words('INCOMPATIBLE EPERM')],
  [
    'OFPBRC',
    words(
      'BAD_VERSION BAD_TYPE BAD_STAT BAD_VENDOR BAD_SUBTYPE EPERM BAD_LEN BUFFER_EMPTY BUFFER_UNKNOWN BAD_TABLE_ID IS_SECONDARY BAD_PORT BAD_PACKET MULTIPART_BUFFER_OVERFLOW MULTIPART_REQUEST_TIMEOUT MULTIPART_REPLY_TIMEOUT',
    ),
  ],
  [
    'OFPBAC',
    words(
      'BAD_TYPE BAD_LEN BAD_VENDOR BAD_VENDOR_TYPE BAD_OUT_PORT BAD_ARGUMENT EPERM TOO_MANY BAD_QUEUE BAD_OUT_GROUP MATCH_INCONSISTENT UNSUPPORTED_ORDER BAD_TAG BAD_SET_TYPE BAD_SET_LEN BAD_SET_ARGUMENT',
    ),
  ],
  [
    'OFPBIC',
    words(
      'UNKNOWN_INST UNSUP_INST BAD_TABLE_ID UNSUP_METADATA UNSUP_METADATA_MASK BAD_EXPERIMENTER BAD_EXP_TYPE BAD_LEN EPERM DUP_INST',
    ),
  ],
  [
    'OFPBMC',
    words(
      'BAD_TYPE BAD_LEN BAD_TAG BAD_DL_ADDR_MASK BAD_NW_ADDR_MASK BAD_WILDCARDS BAD_FIELD BAD_VALUE BAD_MASK BAD_PREREQ DUP_FIELD EPERM',
    ),
  ],
  [
    'OFPFMFC',
    words(
      'UNKNOWN TABLE_FULL BAD_TABLE_ID OVERLAP EPERM BAD_TIMEOUT BAD_COMMAND BAD_FLAGS CANT_SYNC BAD_PRIORITY IS_SYNC',
    ),
  ],
  [
    'OFPGMFC',
    words(
      'GROUP_EXISTS INVALID_GROUP WEIGHT_UNSUPPORTED OUT_OF_GROUPS OUT_OF_BUCKETS CHAINING_UNSUPPORTED WATCH_UNSUPPORTED LOOP UNKNOWN_GROUP CHAINED_GROUP BAD_TYPE BAD_COMMAND BAD_BUCKET BAD_WATCH EPERM',
    ),
  ],
  ['OFPPMFC', words('BAD_PORT BAD_HW_ADDR BAD_CONFIG BAD_ADVERTISE EPERM')],
  ['OFPTMFC', words('BAD_TABLE BAD_CONFIG EPERM')],
  ['OFPQOFC', words('BAD_PORT BAD_QUEUE EPERM')],
  ['OFPSCFC', words('BAD_FLAGS BAD_LEN EPERM')],
  ['OFPRRFC', words('STALE UNSUP BAD_ROLE')],
  [
    'OFPMMFC',
    words(
      'UNKNOWN METER_EXISTS INVALID_METER UNKNOWN_METER BAD_COMMAND BAD_FLAGS BAD_RATE BAD_BURST BAD_BAND BAD_BAND_VALUE OUT_OF_METERS OUT_OF_BANDS',
    ),
  ],
  ['OFPTFFC', ['BAD_TABLE', 'BAD_METADATA', '', '', '', 'EPERM']],
  ['OFPBPC', words('BAD_TYPE BAD_LEN BAD_VALUE TOO_MANY DUP_TYPE BAD_EXPERIMENTER BAD_EXP_TYPE BAD_EXP_VALUE EPERM')],
  ['OFPACFC', words('INVALID UNSUPPORTED EPERM')],
  [
    'OFPMOFC',
    words('UNKNOWN MONITOR_EXISTS INVALID_MONITOR UNKNOWN_MONITOR BAD_COMMAND BAD_FLAGS BAD_TABLE_ID BAD_OUT'),
  ],
  ['OFPBFC', BUNDLE],
];

function words(text: string): readonly string[] {
  return text.split(' ');
}
