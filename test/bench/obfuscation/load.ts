// Loads pages where it runs, as a browser does: new connections for each visit, six at most, each used again and again.
// node load.ts SERVER NAME — a line of JSON in (the visit), a line of JSON out; ends with its input.

import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Fetch, Visit } from './sites.ts';

/** When it began and ended, in seconds since 1970, and the bytes that came; null where it failed, with the reason. */
export type Loaded = {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly error: string | null;
};

const PATIENCE = 30_000;

function fetch(agent: Agent, server: string, name: string, { bytes, request, wait }: Fetch): Promise<number> {
  return new Promise((resolve, reject) => {
    // The target answers at once, so the server's own time is waited for here.
    void sleep(wait).then(() => {
      const headers = { host: name, cookie: 'x'.repeat(request) };
      const options = { agent, host: server, servername: name, path: `/bytes/${bytes}`, headers, timeout: PATIENCE };
      const asked = get(options, (response) => {
        let got = 0;
        response.on('data', (chunk: Buffer) => {
          got += chunk.length;
        });
        response.once('end', () => (got === bytes ? resolve(got) : reject(new Error(`${got} of ${bytes} bytes`))));
        response.once('error', reject);
      });
      asked.once('timeout', () => asked.destroy(new Error('no answer')));
      asked.once('error', reject);
    });
  });
}

async function load(visit: Visit, server: string, name: string): Promise<Loaded> {
  const ca = readFileSync('/etc/ssl/certs/ca-certificates.crt');
  const agent = new Agent({ keepAlive: true, maxSockets: 6, maxCachedSessions: 0, ca });
  const start = Date.now() / 1000;
  let [bytes, error]: [number, string | null] = [0, null];
  try {
    for (const wave of visit)
      for (const got of await Promise.all(wave.map((each) => fetch(agent, server, name, each)))) bytes += got;
  } catch (cause) {
    error = String(cause);
  }
  const end = Date.now() / 1000;
  agent.destroy();
  return { start, end, bytes, error };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , server = '', name = ''] = process.argv;
  for await (const line of createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await load(JSON.parse(line) as Visit, server, name)));
}
