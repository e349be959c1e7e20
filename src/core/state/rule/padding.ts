// Padding: a size is a class of its own only below the MTU of every tunnel that is padded.

import { warpMtu } from '../../topology.ts';
import { entries } from '../draft.ts';
import type { Finding } from '../problem.ts';
import type { Rule } from './rule.ts';

export const padding: Rule = ({ draft, links }) => {
  const { padding: sizes, pad_clients: clients } = draft.openflow?.obfuscation ?? {};
  const path = ['openflow', 'obfuscation'] as const;
  if (sizes === false && clients === true)
    return [{ path: [...path, 'pad_clients'], message: 'nothing is padded, for padding is false: expected false' }];
  if (!Array.isArray(sizes)) return [];
  const mtus = links.flatMap(({ container: { config = {} } }) => {
    const { 'wg-quick': warp, xray: _, ...gateways } = config;
    const own = clients === true ? Object.values(gateways).flatMap((one) => one?.mtu ?? []) : [];
    return warp === undefined ? own : [...own, warp.mtu ?? warpMtu];
  });
  const mtu = Math.min(...mtus);
  return entries<number>(sizes).flatMap(([index, size]): readonly Finding[] => {
    const at = [...path, 'padding', index];
    if (sizes.indexOf(size) < index) return [{ path: at, message: `${size} is in the list already` }];
    if (size < mtu) return [];
    return [{ path: at, message: `${size} is not below the tunnel's MTU of ${mtu}, which is always the largest size` }];
  });
};
