// Stands in for www.cloudflare.com/cdn-cgi/trace: says who calls, and whether the call came through the lab's WARP tunnel.
// node trace.ts CERTIFICATE KEY

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { WARP } from '../topology.ts';

/** What the caller is told: one `key=value` a line, in Cloudflare's order. */
export type Call = {
  readonly host: string;
  readonly address: string;
  readonly agent: string;
  readonly http: string;
  /** `TLSv1.3`; null without TLS. */
  readonly tls: string | null;
  /** Seconds since 1970. */
  readonly time: number;
};

/** A device of the tunnel is seen by its inner address here, but told the address that all others see. */
export function trace(call: Call): string {
  const inside = call.address === WARP.device;
  const fields = {
    fl: '1lab1',
    h: call.host,
    ip: inside ? WARP.exit : call.address,
    ts: call.time.toFixed(3),
    visit_scheme: call.tls === null ? 'http' : 'https',
    uag: call.agent,
    colo: 'LAB',
    http: call.http,
    loc: 'XX',
    tls: call.tls ?? 'off',
    warp: inside ? 'on' : 'off',
  };
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

function respond(request: IncomingMessage, response: ServerResponse): void {
  const path = new URL(request.url ?? '/', 'http://site').pathname;
  if (path !== '/cdn-cgi/trace' && path !== '/cdn-cgi/trace/') {
    response.writeHead(404).end('no such page\n');
    return;
  }
  const call: Call = {
    host: request.headers.host ?? '',
    address: (request.socket.remoteAddress ?? '').replace('::ffff:', ''),
    agent: request.headers['user-agent'] ?? '',
    http: `http/${request.httpVersion}`,
    tls: request.socket instanceof TLSSocket ? request.socket.getProtocol() : null,
    time: Date.now() / 1000,
  };
  response.setHeader('content-type', 'text/plain').end(trace(call));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , certificate = '', key = ''] = process.argv;
  const secure = createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) }, respond);
  await Promise.all([
    new Promise<void>((resolve) => createServer(respond).listen(80, resolve)),
    new Promise<void>((resolve) => secure.listen(443, resolve)),
  ]);
  console.log('ready');
}
