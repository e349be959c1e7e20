// The repository or installation that this program runs from: scripts, servers and the JSON Schema lie in it.

import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OpError } from '../error.ts';

/** A path in it, wherever this code runs from (sources or the bundle). @throws OpError `internal` when it is not there. */
export function source(...path: readonly string[]): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === '/') throw new OpError('internal', `${path.join('/')} should lie beside the program`);
    folder = dirname(folder);
  }
  return join(folder, ...path);
}

/** The same by a path that an upgrade leaves as it is: through the installer's link `current`, where that leads here. */
export function lasting(...path: readonly string[]): string {
  const folder = source();
  const link = join(dirname(folder), 'current');
  return join(existsSync(link) && realpathSync(link) === realpathSync(folder) ? link : folder, ...path);
}
