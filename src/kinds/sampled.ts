// One unit in a container with one file of configuration, as the kinds' samples have it.

import type { Resource } from '../core/resource.ts';
import type { Inside } from './inside.ts';

type Given = { readonly path: string; readonly mode: number; readonly check: Inside['check'] };

/** Makes resources of such a kind: the container, the file's text, and what else is otherwise. */
export function sampled(kind: string, unit: string, { path, mode, check }: Given) {
  return (container: string, text: string, spec: Partial<Inside> = {}): Resource<Inside> => ({
    kind,
    name: `${container}/${unit}`,
    spec: {
      container,
      order: 0,
      unit,
      files: { [path]: { mode, text } },
      check,
      reload: null,
      active: true,
      ...spec,
    },
  });
}
