// Secrets by fingerprint: remembered in memory while planning, kept on disk (0600) once they are in use.

export interface Secrets {
  /** Keeps a secret in memory under its fingerprint (core/secret.ts makes it). */
  remember(fingerprint: string, secret: string): void;
  /** The secret of a fingerprint, from memory or from the store. @throws OpError `host` when it is unknown. */
  get(fingerprint: string): Promise<string>;
  /** Writes these to the store, so that a later undo can find them. */
  keep(fingerprints: readonly string[]): Promise<void>;
  /** Removes from the store all but these. */
  retain(fingerprints: readonly string[]): Promise<void>;
}
