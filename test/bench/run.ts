// `npm run bench [-- PART…]`: the benchmarks one after the other; each is a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const named = process.argv.slice(2);
for (const part of named.length > 0 ? named : ['openflow', 'datapath', 'lab']) {
  console.log(`\n## ${part}\n`);
  const child = spawn(process.execPath, [join(import.meta.dirname, `${part}.ts`)], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  if (code !== 0) process.exitCode = 1;
}
