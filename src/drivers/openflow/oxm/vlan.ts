// What a match says of the VLAN tag, in OpenFlow 1.0's words and later ones (ovs-fields(7)).

import { OpError } from '../../../error.ts';
import { type Field, fieldNamed } from './field.ts';
import type { Says } from './need.ts';
import { readNumber } from './number.ts';
import type { Ports } from './port.ts';
import { make, type Tlv, two } from './tlv.ts';
import { parseValue } from './value.ts';

/** The tag's bits for the words that speak of it, null for others. */
export function vlanWord(name: string, text: string, ports: Ports): Pick<Says, 'tci' | 'tciMask'> | null {
  const tci = fieldNamed('vlan_tci') as Field;
  const read16 = (): readonly [number, number] => {
    const { value, mask } = parseValue(tci, text, ports);
    return [readNumber(value, 0, 2), mask === null ? 0xffff : readNumber(mask, 0, 2)];
  };
  switch (name) {
    case 'vlan_tci': {
      const [value, mask] = read16();
      return { tci: value, tciMask: mask };
    }
    case 'vlan_vid': {
      const [value, mask] = read16();
      if (value > 0x1fff) throw new OpError('state', `${text} is more than 0x1fff`);
      return { tci: value & 0x1fff, tciMask: mask & 0x1fff };
    }
    case 'dl_vlan': {
      const [value, mask] = read16();
      if (mask !== 0xffff) throw new OpError('state', 'dl_vlan takes no mask');
      if (value === 0xffff) return { tci: 0, tciMask: 0xffff };
      if (value > 0xfff) throw new OpError('state', `${text} is more than 4095`);
      return { tci: 0x1000 | value, tciMask: 0x1fff };
    }
    case 'dl_vlan_pcp':
    case 'vlan_pcp': {
      const [value, mask] = read16();
      if (mask !== 0xffff) throw new OpError('state', `${name} takes no mask`);
      if (value > 7) throw new OpError('state', `${text} is more than 7`);
      return { tci: (value << 13) | 0x1000, tciMask: 0xf000 };
    }
    default:
      return null;
  }
}

/** The TLVs of a tag. @throws OpError `state` for a mask that OpenFlow 1.2 and later have no form for. */
export function vlan(tci: number, mask: number): readonly Tlv[] {
  const vid = tci & 0x1fff;
  const vidMask = mask & 0x1fff;
  const pcpMask = mask >> 13;
  if (pcpMask !== 0 && (pcpMask !== 7 || (vidMask & 0x1000) === 0 || (vid === 0 && tci !== 0)))
    throw new OpError('state', `vlan_tci with mask 0x${mask.toString(16)} can't be said in OpenFlow 1.2 and later`);
  const tlv = make('vlan_vid', two(vid), vidMask === 0x1fff ? null : two(vidMask));
  return pcpMask !== 0 && vid !== 0 ? [tlv, make('vlan_pcp', Uint8Array.of(tci >> 13))] : [tlv];
}
