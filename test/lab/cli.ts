// The command line as the lab tests use it.

import assert from 'node:assert/strict';
import { exec, type ExecResult } from '../../src/drivers/exec.ts';

/** Runs `bin/op-dbus …` on this machine. `deadline` in seconds. */
export function opDbus(args: readonly string[], deadline = 300): Promise<ExecResult> {
  return exec(['bin/op-dbus', ...args], { deadline: deadline * 1000 });
}

/** Runs a program in a lab host. */
export function inHost(host: string, argv: readonly string[], stdin?: string): Promise<ExecResult> {
  const options = { deadline: 120_000, ...(stdin === undefined ? {} : { stdin }) };
  return exec(['bin/op-dbus', 'lab', 'exec', host, '--', ...argv], options);
}

/** The same, insisting on exit status 0. @returns standard output. */
export async function okIn(host: string, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await inHost(host, argv);
  assert.equal(code, 0, `${host}: ${argv.join(' ')}: ${stderr}\n${stdout}`);
  return stdout;
}

/** Both in home, where the client's profile is applied. */
export const home = (...argv: string[]): Promise<ExecResult> => inHost('home', argv);
export const ok = (...argv: string[]): Promise<string> => okIn('home', ...argv);
export const sh = (script: string): Promise<string> => ok('bash', '-c', script);

/** Brings the lab up, by the bundle, as a user's is: `npm run build` comes first. */
export async function labUp(): Promise<void> {
  const { code, stdout, stderr } = await opDbus(['lab', 'up'], 600);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
}

/** Takes it down and makes sure that nothing of it is left. */
export async function labDown(): Promise<void> {
  const { code, stderr } = await opDbus(['lab', 'down']);
  assert.equal(code, 0, stderr);
}
