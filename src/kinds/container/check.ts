// Whether each container's init runs and its address answers on the bridge.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Check } from '../kind.ts';
import type { Spec } from './schema.ts';

export async function check(host: Host, wanted: readonly Resource<Spec>[]): Promise<readonly Check[]> {
  return Promise.all(wanted.map((resource) => ping(host, resource)));
}

async function ping(host: Host, { name, spec }: Resource<Spec>): Promise<Check> {
  const ip = spec.address.split('/')[0] ?? '';
  const { code, stdout } = await host.exec(['ping', '-c', '1', '-W', '2', ip]);
  const time = /time=([0-9.]+ ms)/.exec(stdout)?.[1] ?? '';
  return {
    name: `${name} answers on ${spec.bridge}`,
    ok: code === 0,
    detail: code === 0 ? `${ip} in ${time}` : `no answer from ${ip}`,
    command: `ping -c 1 -W 2 ${ip}`,
  };
}
