// The secret store: one 0600 file a secret, named by its fingerprint, through the Files driver.

import { OpError } from '../../error.ts';
import type { Files } from '../files/contract.ts';
import type { Secrets } from './contract.ts';

/** Secrets in `folder` of `files`; `undefined` means /var/lib/op-dbus/secret. Secrets are kept byte for byte. */
export function secretStore(folder: string | undefined, files: Files): Secrets {
  const base = folder ?? '/var/lib/op-dbus/secret';
  const memory = new Map<string, string>();
  const path = (fingerprint: string): string => `${base}/${checked(fingerprint)}`;
  const get = async (fingerprint: string): Promise<string> => {
    const secret = memory.get(checked(fingerprint)) ?? (await files.read(path(fingerprint)));
    if (secret !== null) return secret;
    throw new OpError('host', `the secret ${fingerprint} is not known here`, {
      hint: `Neither the files beside the state nor ${base} hold it: apply the file with its secrets beside it.`,
    });
  };
  return {
    remember: (fingerprint, secret) => void memory.set(checked(fingerprint), secret),
    get,
    keep: async (fingerprints) => {
      for (const fingerprint of fingerprints) {
        const secret = await get(fingerprint);
        if ((await files.read(path(fingerprint))) !== secret) await files.write(path(fingerprint), secret, 0o600);
      }
    },
    retain: async (fingerprints) => {
      const kept = new Set(fingerprints);
      for (const name of await files.list(base))
        if (isFingerprint(name) && !kept.has(name)) await files.remove(`${base}/${name}`);
    },
  };
}

/** A fingerprint becomes a file name: nothing else may. */
function checked(fingerprint: string): string {
  if (isFingerprint(fingerprint)) return fingerprint;
  throw new OpError('internal', `${fingerprint}: not a fingerprint of 16 hexadecimal digits`);
}

function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}
