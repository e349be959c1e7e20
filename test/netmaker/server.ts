// A stand-in for Netmaker's server: registers hosts by an enrolment token, gives them addresses, tells each the others.
// node server.ts CERTIFICATE KEY PORT VALUE   Bodies are lines `KEY value`; the token's path is the real server's.

import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

type Host = {
  readonly key: string;
  /** Where it is seen from outside, its own address, and its WireGuard's port. */
  readonly from: string;
  readonly local: string;
  readonly port: string;
  readonly address: string;
};

export type Answer = { readonly status: number; readonly body: string };

/** `value` is that of the one enrolment key; hosts are known by their ids. */
export function meshServer(value: string): (method: string, path: string, from: string, body: string) => Answer {
  const hosts = new Map<string, Host>();
  let registrations = 0;
  const register = (token: string, from: string, body: string): Answer => {
    if (valueOf(token) !== value) return { status: 401, body: 'invalid enrollment key\n' };
    const said = new Map(body.split('\n').map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']));
    const id = said.get('id') ?? '';
    registrations += 1;
    const address = hosts.get(id)?.address ?? `10.10.0.${registrations + 1}`;
    const [key = '', local = '', port = ''] = ['key', 'local', 'port'].map((word) => said.get(word));
    hosts.set(id, { key, from, local, port, address });
    return { status: 200, body: 'server netmaker.target.example.net\n' };
  };
  const pull = (id: string): Answer => {
    const own = hosts.get(id);
    if (own === undefined) return { status: 401, body: 'unknown host\n' };
    const others = [...hosts].filter(([other]) => other !== id);
    // Behind one address they know each other by their own.
    const lines = others.map(
      ([, { key, from, local, port, address }]) => `peer ${key} ${from === own.from ? local : from}:${port} ${address}`,
    );
    return { status: 200, body: [`address ${own.address}/16`, ...lines, ''].join('\n') };
  };
  return (method, path, from, body) => {
    const [, token] = /^\/api\/v1\/host\/register\/(.+)$/.exec(path) ?? [];
    const [, id = ''] = /^\/api\/v1\/host\/([0-9a-f-]+)$/.exec(path) ?? [];
    if (method === 'POST' && token !== undefined) return register(token, from, body);
    if (method === 'GET' && id !== '') return pull(id);
    if (method === 'DELETE' && id !== '') return { status: hosts.delete(id) ? 200 : 404, body: '' };
    if (path === '/stand-in') return { status: 200, body: `hosts ${hosts.size}\nregistrations ${registrations}\n` };
    return { status: 404, body: 'no such page\n' };
  };
}

function valueOf(token: string): string | null {
  try {
    return (JSON.parse(Buffer.from(token, 'base64').toString()) as { readonly value: string }).value;
  } catch {
    return null;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , certificate = '', key = '', port = '', value = ''] = process.argv;
  const answer = meshServer(value);
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const from = (request.socket.remoteAddress ?? '').replace('::ffff:', '');
    const { status, body } = answer(request.method ?? '', request.url ?? '', from, await text(request));
    response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  };
  const pair = { cert: readFileSync(certificate), key: readFileSync(key) };
  createServer(pair, (request, response) => void handle(request, response)).listen(Number(port), () =>
    console.log('ready'),
  );
}
