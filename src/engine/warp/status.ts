// How it stands with WARP: the account that is kept, the tunnel on this host, and what Cloudflare says, if asked.

import { shortId } from '../../core/init/account.ts';
import type { Resource } from '../../core/resource.ts';
import type { Host } from '../../drivers/host.ts';
import type { Inside } from '../../kinds/inside.ts';
import type { Part } from '../../kinds/kind.ts';
import { deviceOf, read } from '../../kinds/tunnel/device.ts';
import { asked } from '../../kinds/tunnel/exit.ts';
import { latest } from '../history.ts';
import { partsOf } from '../status.ts';
import { kept } from './account.ts';

export type WarpStatus = {
  readonly account: {
    /** The first characters of the device's id. */
    readonly device: string;
    /** What Cloudflare called the account when it was registered here; null: not known. */
    readonly type: string | null;
    readonly licence: boolean;
  } | null;
  /** What the kept profile says; null when there is none. */
  readonly profile: { readonly address: string; readonly endpoint: string } | null;
  /** The tunnel that was applied here; null when there is none. */
  readonly tunnel: Tunnel | null;
  /** Null when Cloudflare was not asked. */
  readonly asked: Asked | null;
};

type Tunnel = {
  readonly container: string;
  readonly device: string;
  readonly address: string;
  readonly up: boolean;
  /** As a part of `op-dbus status` has it. */
  readonly waiting: string | null;
  /** Seconds since the last handshake; null: none yet, or not known. */
  readonly handshake: number | null;
};

/** `warp` and `ip` as Cloudflare's trace page tells them; null with the reason when it gave no answer. */
type Asked = { readonly warp: string | null; readonly ip: string | null; readonly why: string | null };

export async function account(files: Host['files'], folder: string): Promise<Pick<WarpStatus, 'account' | 'profile'>> {
  const { account, type, warp } = await kept(files, folder);
  return {
    account: account === null ? null : { device: shortId(account), type, licence: account.licenseKey !== '' },
    profile: warp === null ? null : { address: warp.address, endpoint: warp.endpoint },
  };
}

/** `seconds` for the question to Cloudflare, which goes through the container and its tunnel; null: it is not asked. */
export async function tunnel(host: Host, seconds: number | null): Promise<Pick<WarpStatus, 'tunnel' | 'asked'>> {
  const resources = (await latest(host))?.resources ?? [];
  const found = resources.find((one): one is Resource<Inside> => one.kind === 'tunnel' && dials(one));
  if (found === undefined)
    return {
      tunnel: null,
      asked: seconds === null ? null : { warp: null, ip: null, why: 'no tunnel is applied here' },
    };
  const { spec } = found;
  const [parts, answer] = await Promise.all([
    partsOf(host, [found]),
    seconds === null ? null : ask(host, spec, seconds),
  ]);
  const device = deviceOf(spec.unit);
  return {
    tunnel: told(
      spec,
      device,
      parts.find(({ name }) => name === device),
    ),
    asked: answer,
  };
}

/** WARP's tunnel is the one that can't be reloaded; the gateways' can. */
function dials(resource: Resource): boolean {
  return (resource as Resource<Inside>).spec.reload === null;
}

function told(spec: Inside, device: string, part: Part | undefined): Tunnel {
  return {
    container: spec.container,
    device,
    address: read(spec).address,
    up: part?.up ?? false,
    waiting: part?.waiting ?? null,
    handshake: part?.peers[0]?.handshake ?? null,
  };
}

async function ask(host: Host, spec: Inside, seconds: number): Promise<Asked> {
  const { warp, ip, why } = await asked(host, spec, seconds);
  return { warp, ip, why: warp === null ? (why.split('\n')[0] ?? '') : null };
}
