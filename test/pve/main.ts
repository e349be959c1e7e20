// The process around a double's program: `main.ts pct start 100`. What it knows lies below PVE_ROOT (default: /).

import { program } from './program.ts';

const [name = '', ...argv] = process.argv.slice(2);
process.exitCode = await program(name, argv, {
  root: process.env['PVE_ROOT'] ?? '/',
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
