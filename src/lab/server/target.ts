// The lab's far end, as ifconfig.me: http and https that answer with the caller's address, downloads of any size, echoes.
// node target.ts CERTIFICATE KEY UDP-ECHO-PORT

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { pathToFileURL } from 'node:url';

const BLOCK = Buffer.alloc(65_536, 'op-dbus lab ');

/** `/`: caller's address; `/bytes/N`: N bytes; `/echo`: the request's body; `/marker/X`: X and the caller's address. */
export function respond(request: IncomingMessage, response: ServerResponse): void {
  const path = new URL(request.url ?? '/', 'http://target').pathname;
  const caller = plainAddress(request.socket.remoteAddress ?? '');
  const [, first, second] = path.split('/');
  response.setHeader('content-type', 'text/plain');
  if (path === '/') response.end(`${caller}\n`);
  else if (first === 'bytes' && /^\d{1,12}$/.test(second ?? '')) send(Number(second), response);
  else if (first === 'marker' && second !== undefined) response.end(`${second} ${caller}\n`);
  else if (first === 'echo') request.pipe(response);
  else response.writeHead(404).end('no such page\n');
}

/** `::ffff:1.2.3.4`, as a socket for both families says it, is 1.2.3.4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function send(total: number, response: ServerResponse): void {
  response.setHeader('content-length', total);
  let left = total;
  const more = () => {
    while (left > 0) {
      const part = BLOCK.subarray(0, Math.min(left, BLOCK.length));
      left -= part.length;
      if (!response.write(part)) return;
    }
    response.off('drain', more);
    response.end();
  };
  response.on('drain', more);
  more();
}

function echo(port: number): Promise<void> {
  const socket = createSocket('udp6');
  socket.on('message', (message, from) => {
    const reply = Buffer.concat([Buffer.from(`${plainAddress(from.address)} `), message]);
    socket.send(reply, from.port, from.address);
  });
  return new Promise((resolve) => socket.bind(port, resolve));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , certificate = '', key = '', port = ''] = process.argv;
  const secure = createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) }, respond);
  await Promise.all([
    new Promise<void>((resolve) => createServer(respond).listen(80, resolve)),
    new Promise<void>((resolve) => secure.listen(443, resolve)),
    echo(Number(port)),
  ]);
  console.log('ready');
}
