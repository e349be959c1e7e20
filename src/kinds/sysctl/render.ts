// A setting's change as sysctl(8) commands.

import type { Change } from '../../core/resource.ts';
import { path } from './file.ts';
import type { Spec } from './schema.ts';

export function render({ name, after }: Change<Spec>): readonly string[] {
  if (after !== null) return [`echo '${name} = ${after.value}' >> ${path}`, `sysctl -w ${name}=${after.value}`];
  const dots = name.replaceAll('.', '\\.');
  return [`sed -n 's/^# before: \\(${dots} = \\)/\\1/p' ${path} | sysctl -p -`, `rm ${path}`];
}
