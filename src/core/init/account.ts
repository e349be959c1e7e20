// Reads wgcf-account.toml, in which wgcf keeps the device that it registered with WARP (TOML v1.0: bare keys, strings).

import { key } from '../state/format.ts';

export type Account = {
  /** What Cloudflare calls the device. */
  readonly deviceId: string;
  /** A secret. */
  readonly accessToken: string;
  /** A secret; empty when there is none. */
  readonly licenseKey: string;
  /** A secret. */
  readonly privateKey: string;
};

/** Null for a text that is no account: one without a device, its token or its key. */
export function parseAccount(text: string): Account | null {
  const values = new Map(text.split(/\r?\n/).flatMap((line) => entry(line)));
  const one = (name: string): string => values.get(name) ?? '';
  const [deviceId, accessToken, privateKey] = [one('device_id'), one('access_token'), one('private_key')];
  const whole = /^[A-Za-z0-9._-]{1,128}$/.test(deviceId) && accessToken !== '' && key.safeParse(privateKey).success;
  return whole ? { deviceId, accessToken, licenseKey: one('license_key'), privateKey } : null;
}

/** Enough to tell two devices apart. */
export function shortId({ deviceId }: Account): string {
  return deviceId.length <= 8 ? deviceId : `${deviceId.slice(0, 8)}…`;
}

/** `key = 'value'` or `key = "value"`: what wgcf writes holds nothing that would have to be escaped. */
function entry(line: string): readonly (readonly [string, string])[] {
  const [, name, , value] = /^\s*(\w+)\s*=\s*(['"])([^'"\\]*)\2\s*(?:#.*)?$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value]];
}
