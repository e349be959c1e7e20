// What both ends of the proxy are made of.

import { standIn } from '../../core/secret.ts';
import type { FileFact } from '../../core/topology.ts';
import type { Inside } from '../inside.ts';

/** A configuration as JSON data, and the files it names. */
export type Made = { readonly config: Readonly<Record<string, unknown>>; readonly files: Inside['files'] };

/** A PEM file of the files folder, by its fingerprint. */
export function pem(file: FileFact): string {
  return `${standIn(file.fingerprint)}\n`;
}

/** A VLESS user's flow; none is not written. */
export function flowOf({ flow }: { readonly flow: string }): Readonly<Record<string, string>> {
  return flow === '' ? {} : { flow };
}
