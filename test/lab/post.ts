// Has bodies of many sizes echoed by HTTP, fifty connections at a time, and prints how many came back whole.
// node post.ts ADDRESS SIZE…   SIZE: a number or a range (1-3000) of bytes

import { Agent, request } from 'node:http';

const [, , host = '', ...wanted] = process.argv;
const sizes = wanted.flatMap((text) => {
  const [from = 0, to = from] = text.split('-').map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
});
const agent = new Agent({ keepAlive: true, maxSockets: 50 });

function post(size: number): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { 'content-length': size };
    const asked = request({ agent, host, path: '/echo', method: 'POST', headers, timeout: 10_000 }, (response) => {
      let got = 0;
      response.on('data', (chunk: Buffer) => {
        got += chunk.length;
      });
      response.once('end', () => resolve(got === size));
      response.once('error', () => resolve(false));
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(false));
    asked.end('x'.repeat(size));
  });
}

const whole = await Promise.all(sizes.map(post));
console.log(`${whole.filter(Boolean).length} of ${sizes.length}`);
agent.destroy();
