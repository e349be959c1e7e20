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

/** UUIDs, and REALITY's short ids, alone or in their list. */
const uuid = /"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"/gi;
const shortIds = /"(?:short_id|shortIds)"\s*:\s*(?:"[^"]*"|\[[^\]]*\])/g;
const shortId = /"((?:[0-9a-f]{2}){1,8})"/g;

/** The credentials in the text of a state file, as written. */
export function credentials(text: string): readonly string[] {
  const found: string[] = [];
  each(text, (one) => {
    found.push(one);
    return one;
  });
  return found;
}

/** The text of a state file as it may be written down elsewhere: its credentials by fingerprint. */
export function sealed(text: string): string {
  return each(text, placeholder);
}

function each(text: string, by: (credential: string) => string): string {
  const quoted = (_: string, one: string): string => `"${by(one)}"`;
  return text.replaceAll(shortIds, (all) => all.replaceAll(shortId, quoted)).replaceAll(uuid, quoted);
}
