// Whether the two ends of each shaper have agreed, and what went through: `verify`.

import { size } from '../../core/amount.ts';
import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../inside.ts';
import type { Check } from '../kind.ts';
import { told } from './tale.ts';

export async function check(host: Host, wanted: readonly Resource<Inside>[]): Promise<readonly Check[]> {
  return Promise.all(wanted.map(({ spec }) => agreed(host, spec)));
}

async function agreed(host: Host, spec: Inside): Promise<Check> {
  const { tale, lacks } = await told(host, spec);
  const server = spec.files['/etc/op-dbus/shaper.conf']?.text.includes('\nrole server\n') === true;
  const seen =
    tale === null
      ? ''
      : `${server ? `${tale.clients} clients, ` : ''}${tale.real_out + tale.real_in} datagrams in ${tale.frames_out + tale.frames_in} frames, ${size(tale.used)} this month, ${tale.dropped} dropped, ${tale.bad} bad`;
  return {
    name: `${spec.container}: the shaper ${server ? 'takes clients' : "and the VPS's agree"}`,
    ok: lacks === null,
    detail: lacks === null ? seen : `waits for ${lacks}`,
    command: `op-dbus exec ${spec.container} -- cat /run/op-dbus-shaper/status`,
  };
}
