// What Cloudflare's trace page says of whoever asks it (`https://www.cloudflare.com/cdn-cgi/trace/`): lines `key=value`.

/** The page that the specification's own test asks. */
export const tracePage = 'https://www.cloudflare.com/cdn-cgi/trace/';

/** Seconds that a request may take: a tunnel that was just made may need two tries at its handshake, 5 s apart. */
export const patience = 15;

export function trace(page: string): { readonly ip: string | null; readonly warp: string | null } {
  const value = (key: string): string | null => new RegExp(`^${key}=(\\S+)$`, 'm').exec(page)?.[1] ?? null;
  return { ip: value('ip'), warp: value('warp') };
}
