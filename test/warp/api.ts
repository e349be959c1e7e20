// A stand-in for Cloudflare's device API on loopback, as wgcf sees it, and the proxy by which wgcf is led to it.

import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createProxy, type IncomingMessage, type Server } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as all } from 'node:stream/consumers';
import { selfSigned, wireguardKeys } from '../../src/cli/generate.ts';

export type Api = {
  /** What makes wgcf, the real one and the stand-in, ask here and nowhere else. */
  readonly env: Readonly<Record<string, string>>;
  /** `POST /reg` and the like, in the order in which they came. */
  readonly requests: string[];
  /** The registered devices, by id. */
  readonly devices: Map<string, Device>;
  /** How many of the next requests are answered by 429, and by 500 after the registration itself. */
  readonly refuse: { many: number; broken: number };
  /** The public key of WARP's own end. */
  readonly peer: string;
  close(): Promise<void>;
};

export type Device = { readonly id: string; readonly token: string; readonly key: string; readonly license: string };

const NAME = 'api.cloudflareclient.com';

/** As wgcf 2.2 asks it: TLS 1.2 alone, the app's own headers, a bearer token after the registration, 429 at will. */
export async function startApi(): Promise<Api> {
  const folder = mkdtempSync(join(tmpdir(), 'op-dbus-warp-'));
  const { certificate, key } = await selfSigned([NAME]);
  writeFileSync(join(folder, 'ca.pem'), certificate);
  const state = { requests: [], devices: new Map(), refuse: { many: 0, broken: 0 }, peer: wireguardKeys().publicKey };
  const tls = { cert: certificate, key, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  const api = createServer(tls, (request, response) => {
    void answer(state, request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  const port = await listening(api);
  const sockets = new Set<Socket>();
  const proxy = createProxy((_, response) => response.writeHead(403).end());
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    sockets.add(socket);
    if (request.url !== `${NAME}:443`) return socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const inner = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 Connection established\r\n\r\n'));
    sockets.add(inner);
    for (const [one, other] of [
      [inner, socket],
      [socket, inner],
    ] as const)
      one.pipe(other).on('error', () => one.destroy());
  });
  const url = `http://127.0.0.1:${await listening(proxy)}`;
  const trusted = { SSL_CERT_FILE: join(folder, 'ca.pem') };
  return {
    ...state,
    env: { HTTPS_PROXY: url, https_proxy: url, NO_PROXY: '', no_proxy: '', ...trusted },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all([api, proxy].map((server) => new Promise((done) => server.close(done))));
      rmSync(folder, { recursive: true });
    },
  };
}

/** The stand-in for the program, as a file in `folder` that can be run. */
export function standInFor(folder: string): string {
  const path = join(folder, 'wgcf');
  writeFileSync(path, `#!/bin/sh\nexec ${process.execPath} ${join(import.meta.dirname, 'wgcf.ts')} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

type State = Omit<Api, 'env' | 'close'>;
type Answer = { readonly status: number; readonly body: unknown };

const moment = '2026-11-24T12:00:00.000000Z';
const refusal = (status: number, message: string): Answer => ({
  status,
  body: { success: false, errors: [{ code: status, message }] },
});

async function answer(state: State, request: IncomingMessage): Promise<Answer> {
  const body = JSON.parse((await all(request)) || '{}') as Readonly<Record<string, unknown>>;
  const [, path] = /^\/v0a1922(\/.*)$/.exec(request.url ?? '') ?? [];
  state.requests.push(`${request.method} ${path?.replaceAll(/\/[0-9a-f-]{36}/g, '/ID')}`);
  const { 'user-agent': agent, 'cf-client-version': client, authorization } = request.headers;
  if (path === undefined || agent !== 'okhttp/3.12.1' || client !== 'a-6.3-1922') return refusal(403, 'error 1020');
  if (state.refuse.many > 0) {
    state.refuse.many -= 1;
    return refusal(429, 'too many');
  }
  if (request.method === 'POST' && path === '/reg') {
    const device = {
      id: randomUUID(),
      token: randomUUID(),
      key: String(body['key']),
      license: `${randomBytes(4).toString('hex')}-${randomBytes(4).toString('hex')}`,
    };
    state.devices.set(device.id, device);
    return { status: 200, body: { ...described(state, device), token: device.token } };
  }
  const [, id = '', rest = ''] = /^\/reg\/([0-9a-f-]+)(\/.*)?$/.exec(path) ?? [];
  const device = state.devices.get(id);
  if (device === undefined || authorization !== `Bearer ${device.token}`) return refusal(401, 'who are you');
  if (state.refuse.broken > 0) {
    state.refuse.broken -= 1;
    return refusal(502, `no answer for ${device.key} and ${device.id}`);
  }
  const name = typeof body['name'] === 'string' ? body['name'] : 'device';
  const known = {
    GET: { '': described(state, device), '/account': account(device), '/account/devices': [bound(device, name)] },
  };
  if (request.method === 'PATCH' && rest === `/account/reg/${id}`) return { status: 200, body: [bound(device, name)] };
  const found = request.method === 'GET' ? (known.GET as Readonly<Record<string, unknown>>)[rest] : undefined;
  return found === undefined ? refusal(404, 'nothing here') : { status: 200, body: found };
}

function account({ id, license }: Device): unknown {
  const none = { premium_data: 0, quota: 0, referral_count: 0, referral_renewal_countdown: 0, usage: 0 };
  const plain = { account_type: 'free', role: 'parent', warp_plus: false, created: moment, updated: moment };
  return { id: `account-${id}`, license, ...plain, ...none };
}

function bound({ id }: Device, name: string): unknown {
  return { id, name, type: 'Android', model: 'PC', role: 'parent', active: true, activated: moment, created: moment };
}

function described({ peer }: State, device: Device): Readonly<Record<string, unknown>> {
  const plain = {
    type: 'Android',
    model: 'PC',
    name: '',
    locale: 'en_US',
    tos: moment,
    created: moment,
    updated: moment,
  };
  const flags = { enabled: true, warp_enabled: true, waitlist_enabled: false, place: 0, fcm_token: '', install_id: '' };
  const endpoint = {
    host: 'engage.cloudflareclient.com:2408',
    v4: '162.159.192.1:0',
    v6: '[2606:4700:d0::a29f:c001]:0',
  };
  const config = {
    client_id: 'AbCd',
    interface: { addresses: { v4: '172.16.0.2', v6: '2606:4700:110:8a1b::2' } },
    peers: [{ public_key: peer, endpoint }],
    services: { http_proxy: '172.16.0.1:2480' },
  };
  return { id: device.id, key: device.key, ...plain, ...flags, account: account(device), config };
}
