// What containers join a Netmaker mesh with: the host's netclient, and the token of /etc/op-dbus/netmaker.env.

import { readToken } from '../core/netmaker.ts';
import { fingerprint } from '../core/secret.ts';
import type { Facts, Topology } from '../core/topology.ts';
import type { Host } from '../drivers/host.ts';
import { OpError } from '../error.ts';

export const tokenPath = '/etc/op-dbus/netmaker.env';

/**
 * Null when no container joins one. The token is remembered as a secret. @throws AggregateError of OpErrors `host`: no
 * netclient; a token file that is missing, that others can read or change, or that is none.
 */
export async function readNetmaker(host: Host, { members }: Topology): Promise<Facts['netmaker']> {
  const [first] = members.filter(({ netmaker }) => netmaker);
  if (first === undefined) return null;
  const [client, token] = await Promise.all([host.machine.program('netclient'), tokenOf(host, first.name)]);
  const lacks = client === null ? [missing(first.name)] : [];
  const problems = [...lacks, ...(token instanceof OpError ? [token] : [])];
  if (client === null || token instanceof OpError) throw new AggregateError(problems);
  host.secrets.remember(fingerprint(token), token);
  return { client, token: fingerprint(token) };
}

function missing(container: string): OpError {
  return new OpError('host', `netclient is not installed, and ${container} is to join a Netmaker mesh`, {
    hint: 'Put the binary (github.com/gravitl/netclient) on PATH, as /usr/local/bin/netclient; the host itself need not join.',
  });
}

async function tokenOf({ files }: Host, container: string): Promise<string | OpError> {
  const at = tokenPath;
  const [text, mode, loose] = await Promise.all([files.read(at), files.mode(at), files.loose(at)]);
  if (text === null)
    return new OpError('host', `missing: ${container} joins its Netmaker mesh with the token in it`, {
      at,
      hint: `Write NETMAKER_TOKEN="…" into it, with the enrolment key that Netmaker shows, and: chmod 600 ${at}`,
    });
  if (((mode ?? 0) & 0o077) !== 0)
    return new OpError('host', 'others can read this token', { at, hint: `chmod 600 ${at}` });
  if (loose !== null)
    return new OpError('host', `others than root own or can change ${loose}`, {
      at,
      hint: `chown root:root ${loose} && chmod go-w ${loose}`,
    });
  const found = readToken(text);
  if ('token' in found) return found.token;
  return new OpError('host', found.why, {
    at,
    hint: 'Expected NETMAKER_TOKEN="…" and nothing else, with the enrolment key that Netmaker shows.',
  });
}
