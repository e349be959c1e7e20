// Netmaker's enrolment token, and the file that the host keeps it in: NETMAKER_TOKEN="…" (the specification, Profile 4).

/** The token that the file holds, or what is wrong with it, in words that never quote the file. */
export type TokenFile = { readonly token: string } | { readonly why: string };

/** Comments and empty lines beside the one assignment are allowed; the value with or without quotes. */
export function readToken(text: string): TokenFile {
  const lines = text.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (said.length === 0) return { why: 'holds no token' };
  if (said.length > 1) return { why: 'holds more than one line' };
  const [, value = ''] = /^(?:export\s+)?NETMAKER_TOKEN=(.*)$/.exec(said[0] ?? '') ?? [];
  const [, , inner = ''] = /^(["']?)([^"'\s]*)\1$/.exec(value) ?? [];
  if (inner === '') return { why: 'holds no NETMAKER_TOKEN="…"' };
  if (inner.length > longest) return { why: `holds a token of more than ${longest} characters` };
  return isToken(inner) ? { token: inner } : { why: 'holds no enrolment token of Netmaker' };
}

const longest = 4096;

/** Netmaker's own are base64 of JSON with server and value; the specification's look like a JWT (RFC 7519), and are opaque. */
function isToken(text: string): boolean {
  return enrols(text) || /^eyJ[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*){2,3}$/.test(text);
}

function enrols(text: string): boolean {
  if (!/^[A-Za-z0-9+/]{8,}={0,2}$/.test(text)) return false;
  try {
    const { server, value } = JSON.parse(Buffer.from(text, 'base64').toString()) as Enrolment;
    return [server, value].every((part) => typeof part === 'string' && part !== '');
  } catch {
    return false;
  }
}

type Enrolment = { readonly server?: unknown; readonly value?: unknown };

/**
 * The UDP port that a container's WireGuard listens on, by its id: the host publishes it, so that no two on one host may
 * have the same. Netmaker's own is 51821.
 */
export function meshPort(id: number): number {
  return 51821 + (id % 13000);
}
