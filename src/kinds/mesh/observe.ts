// The meshes of the containers that carry our mark. A token that was removed because it has done its work is not missed.

import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import { type Inside, observeInside, recorded } from '../inside.ts';
import { tokenPath } from './script.ts';
import { stateOf } from './state.ts';

export async function observe(host: Host): Promise<readonly Resource<Inside>[]> {
  const found = await observeInside(host, 'mesh');
  return Promise.all(found.map((one) => withToken(host, one)));
}

async function withToken(host: Host, one: Resource<Inside>): Promise<Resource<Inside>> {
  const { container, unit, files } = one.spec;
  if (tokenPath in files) return one;
  const told = await stateOf(host, container).catch(() => null);
  if (told?.state !== 'joined') return one;
  const token = (await recorded(host, 'mesh', container)).find((spec) => spec.unit === unit)?.files[tokenPath];
  return token === undefined ? one : { ...one, spec: { ...one.spec, files: { ...files, [tokenPath]: token } } };
}
