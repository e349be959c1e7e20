// Where a WARP profile belongs in a state file: its container's `wg-quick`, and the path of its private key there.

import { OpError } from '../../error.ts';
import { setMembers } from '../state/edit.ts';
import { name as nameFormat, path as pathFormat } from '../state/format.ts';
import { readJson } from '../state/json.ts';
import { type Path, showPath } from '../state/problem.ts';
import type { Warp } from './wgcf.ts';

/** As the profiles have it. */
export const usual: Place = {
  container: 'warp-tunnel',
  keyFile: '/etc/wireguard/warp-private.key',
  path: ['plugins', 'lxc', 'containers', 1, 'config', 'wg-quick'],
};

export type Place = {
  readonly container: string;
  /** Inside the container. */
  readonly keyFile: string;
  /** Of the `wg-quick` object, from the root of the file. */
  readonly path: Path;
};

/** What a profile says of the state's `wg-quick`: its keys there, and their values. No secrets. */
export function settings({ address, endpoint, publicKey, mtu }: Warp): Readonly<Record<string, string | number>> {
  return { address, endpoint, public_key: publicKey, ...(mtu === null ? {} : { mtu }) };
}

/**
 * The one WARP container of a state file, which need not be whole yet: placeholders may be left in it.
 * @throws OpError `state` with the position when the text is no JSON or that container can't be found.
 */
export function placeIn(text: string, file: string): Place {
  const { value, findings, position } = readJson(text);
  const [first] = findings;
  if (first !== undefined) throw new OpError('state', first.message, { at: `${file}:${first.line}:${first.column}` });
  const root: Path = get(value, ['plugins']) === undefined ? [] : ['plugins'];
  const list = get(value, [...root, 'lxc', 'containers']);
  const paths = (Array.isArray(list) ? list : [])
    .map((_, index): Path => [...root, 'lxc', 'containers', index, 'config', 'wg-quick'])
    .filter((path) => isObject(get(value, path)));
  const [path] = paths;
  if (path === undefined || paths.length > 1)
    throw new OpError('state', `expected one container with config.wg-quick, found ${paths.length}`, {
      at: file,
      hint: 'Write a state file that has one: op-dbus init --profile privacy-client -o FILE',
    });
  const word = (at: Path, good: (text: string) => boolean, expected: string): string => {
    const found = get(value, at);
    if (typeof found === 'string' && good(found)) return found;
    const { line, column } = position(at);
    throw new OpError('state', `expected ${expected}`, { at: `${file}:${line}:${column} ${showPath(at)}` });
  };
  return {
    container: word(
      [...path.slice(0, -2), 'name'],
      (one) => nameFormat.safeParse(one).success,
      'the name of the container, like warp-tunnel',
    ),
    keyFile: word(
      [...path, 'private_key_file'],
      (one) => pathFormat.safeParse(one).success,
      'an absolute path inside the container, like /etc/wireguard/warp-private.key',
    ),
    path,
  };
}

/** The state's text with the profile's values; the same text when it has them already. */
export function fillIn(text: string, { path }: Place, warp: Warp): string {
  return setMembers(text, path, settings(warp));
}

function get(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, step) => {
    if (Array.isArray(inner)) return inner[Number(step)];
    return isObject(inner) && Object.hasOwn(inner, step) ? inner[String(step)] : undefined;
  }, value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
