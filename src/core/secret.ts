// Secrets never enter a spec: a fingerprint stands in their place, written {{secret:…}} inside texts.

import { createHash } from 'node:crypto';

/** The first 16 hexadecimal digits of the SHA-256 of the secret's bytes. */
export type Fingerprint = string;

export function fingerprint(secret: string): Fingerprint {
  return createHash('sha256').update(secret).digest('hex').slice(0, 16);
}

/** What stands for a secret inside a text. */
export function placeholder(secret: string): string {
  return standIn(fingerprint(secret));
}

/** The same, where only the fingerprint is known. */
export function standIn(of: Fingerprint): string {
  return `{{secret:${of}}}`;
}

/** The fingerprints that `text` names, in order. */
export function fingerprints(text: string): readonly Fingerprint[] {
  return [...text.matchAll(/\{\{secret:([0-9a-f]{16})\}\}/g)].map((match) => match[1] ?? '');
}

/** `text` with every placeholder replaced by what `lookup` gives for it. */
export function reveal(text: string, lookup: (fingerprint: Fingerprint) => string): string {
  return text.replaceAll(/\{\{secret:([0-9a-f]{16})\}\}/g, (_, found: string) => lookup(found));
}

const credential = /"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"/gi;

/** The credentials in the text of a state file: its UUIDs, as written. */
export function credentials(text: string): readonly string[] {
  return [...text.matchAll(credential)].map((match) => match[1] ?? '');
}

/** The text of a state file as it may be written down elsewhere: its credentials by fingerprint. */
export function sealed(text: string): string {
  return text.replaceAll(credential, (_, id: string) => `"${placeholder(id)}"`);
}
