// Shaping: it is the client's level 3, WARP's packets fit into a frame, and the VPS's end knows where WARP is.

import { warpMtu } from '../../topology.ts';
import { bad } from '../draft.ts';
import type { Finding } from '../problem.ts';
import { containerPath, type Rule } from './rule.ts';

/** WireGuard's header and tag, and a frame's own two bytes. */
const around = 34;

export const shapers: Rule = ({ draft, links }) =>
  links.flatMap(({ index, container }) => {
    const { xray } = container.config ?? {};
    const shaper = xray?.shaper;
    if (shaper === undefined) return [];
    const path = containerPath(index, 'config', 'xray', 'shaper');
    const findings: Finding[] = [];
    if (xray?.outbound?.protocol === 'freedom') {
      if (!Object.hasOwn(shaper, 'endpoint'))
        findings.push({
          path,
          message: 'expected "endpoint": where the VPS finds WARP, like engage.cloudflareclient.com:2408',
        });
      return findings;
    }
    if (xray?.outbound === undefined) return [];
    const { openflow } = draft;
    const level =
      openflow === undefined ? 1 : bad(openflow, 'obfuscation_level') ? 3 : (openflow.obfuscation_level ?? 1);
    if (level !== 3)
      findings.push({ path, message: `shaping is of level 3: expected "obfuscation_level": 3, not ${level}` });
    if (shaper.endpoint !== undefined)
      findings.push({
        path: [...path, 'endpoint'],
        message: "the VPS's end alone says where WARP is: expected no endpoint here",
      });
    const mtus = links.flatMap((link) => {
      const warp = link.container.config?.['wg-quick'];
      return warp === undefined || bad(warp, 'mtu') ? [] : [warp.mtu ?? warpMtu];
    });
    if (mtus.length === 0 && !links.some((link) => Object.hasOwn(link.container.config ?? {}, 'wg-quick')))
      findings.push({ path, message: "it is WARP's packets that are shaped: expected a container with wg-quick" });
    const least = Math.max(0, ...mtus) + around;
    if (!bad(shaper, 'frame') && (shaper.frame ?? 1316) < least)
      findings.push({
        path: shaper.frame === undefined ? path : [...path, 'frame'],
        message: `WARP's packets don't fit into a frame: expected ${least} bytes or more`,
      });
    return findings;
  });
