// op-dbus lab up|status|exec|prove|down: the whole chain on this one machine.

import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import type { Command } from 'commander';
import { lxcContainers } from '../drivers/container/client.ts';
import { OpError } from '../error.ts';
import { writeInside } from '../lab/host.ts';
import { capture, down, run, status, up } from '../lab/lab.ts';
import { holds, proveLeaks, type Result } from '../lab/leaks/bench.ts';
import { prove } from '../lab/prove.ts';
import { remember } from '../lab/prove/snapshot.ts';
import { OP_DBUS } from '../lab/record.ts';
import { HOME, HOSTS, type HostName, VPS } from '../lab/topology.ts';
import { err, json, note, out, table } from './output.ts';

export function labCommand(program: Command): void {
  const lab = program
    .command('lab')
    .enablePositionalOptions()
    .description('the whole chain on this one machine, in namespaces of its own');
  lab
    .command('up')
    .description('build client, home, VPS, WARP and target, and apply the profiles')
    .option('--keep', 'on a failure leave what there is, to be looked at')
    .action(async (options: { readonly keep?: boolean }) => {
      root();
      // The lab has no way to the Internet, so the template is made before, on the machine itself.
      await lxcContainers().prepare('debian-12', out);
      if ((await status()).state !== 'none') out('A lab is there: it is taken down first.');
      const started = performance.now();
      const keep = options.keep === true;
      const signal = await interruptible((stop) => up({ progress: out, configure, keep, stop }));
      if (signal !== null) {
        err(
          keep
            ? `interrupted; what was made stays until: ${OP_DBUS} lab down`
            : 'interrupted; what was made is removed',
        );
        process.exitCode = 128 + constants.signals[signal];
      } else out(`The lab is up, in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    });
  lab
    .command('status')
    .description('show the hosts; exit status 0 when the lab is whole')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      root();
      const now = await status();
      process.exitCode = now.state === 'whole' ? 0 : 1;
      if (options.json) return json({ ...now });
      const rows = now.hosts.map(({ name, pid, addresses }) => [
        name,
        pid === null ? 'down' : `pid ${pid}`,
        addresses.join(' '),
      ]);
      for (const line of table([['HOST', 'STATE', 'ADDRESSES'], ...rows])) out(line);
      if (now.state === 'half') out(half);
    });
  lab
    .command('exec')
    .description('run a program in a host')
    .argument('<host>', HOSTS.join(', '))
    .argument('<command...>', 'the program and its arguments')
    .passThroughOptions()
    .action(async (host: string, command: readonly string[]) => {
      root();
      const name = hostName(host);
      if ((await status()).state === 'half') note(half);
      process.exitCode = await run(name, command[0] === '--' ? command.slice(1) : command);
    });
  lab
    .command('prove')
    .description('prove every hop; exit status 0 when every line is ok')
    .option('--json', 'print JSON')
    .option(
      '--leaks',
      'instead: one fault after the other, and nothing leaks; each again with its protection off, and it does',
    )
    .option('--seed <number>', 'with --leaks: order, moments and random bytes follow from it')
    .option('--only <text>', 'with --leaks: only faults whose name holds this')
    .action(async (options: ProveOptions) => {
      root();
      const { state } = await status();
      const hint = `Run: sudo ${OP_DBUS} lab up`;
      if (state === 'none') throw new OpError('usage', 'the lab is not up', { hint });
      if (state === 'half') throw new OpError('usage', 'the lab is half made: there is nothing to prove', { hint });
      if (options.leaks) return leaks(options);
      if (options.seed !== undefined || options.only !== undefined)
        throw new OpError('usage', '--seed and --only are for --leaks');
      const { rows, stopped } = await prove((step) => {
        if (options.json) return;
        if ('waiting' in step) out(`...   ${step.waiting}`);
        else out(`${step.ok ? 'ok  ' : 'FAIL'}  ${step.name}: ${step.detail}`);
      });
      const failed = rows.filter(({ ok }) => !ok).length;
      if (options.json) json({ ok: failed === 0, stopped, rows });
      else if (stopped) out(`Stopped: ${failed} of the points on which all others stand do not hold.`);
      else out(failed === 0 ? `All ${rows.length} points hold.` : `${failed} of ${rows.length} points do not hold.`);
      process.exitCode = failed === 0 ? 0 : 1;
    });
  lab
    .command('down')
    .description('remove the lab, whatever state it is in')
    .action(async () => {
      root();
      await down(out);
      if (existsSync('/var/cache/op-dbus'))
        out('The container template stays in /var/cache/op-dbus: delete it if you like.');
    });
}

type ProveOptions = {
  readonly json?: boolean;
  readonly leaks?: boolean;
  readonly seed?: string;
  readonly only?: string;
};

async function leaks({ json: asJson, seed: given, only }: ProveOptions): Promise<void> {
  if (given !== undefined && !/^\d{1,9}$/.test(given))
    throw new OpError('usage', `--seed ${given}: expected a whole number of up to nine digits`);
  const seed = Number(given ?? 1);
  const started = performance.now();
  const tell = (result: Result): void => {
    if (!asJson) for (const line of leakLines(result)) out(line);
  };
  if (!asJson)
    out(`${' '.repeat(6)}${'FAULT'.padEnd(58)}${'PROBES'.padStart(7)}${'LEAKED'.padStart(7)}  RECOVERY  ANTI-TEST`);
  const signal = await interruptible(async (stop) => {
    const report = await proveLeaks({ seed, tell, stop, ...(only === undefined ? {} : { only }) });
    const failed = report.faults.filter((result) => !holds(result)).length;
    if (asJson) json({ ...report });
    else {
      for (const error of report.errors) out(`FAIL  ${error}`);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      const all = report.ok ? 'nothing leaked, and every anti-test did' : `${failed} do not hold`;
      out(`${report.faults.length} faults, seed ${seed}, ${seconds} s: ${all}.`);
    }
    process.exitCode = report.ok ? 0 : 1;
  });
  if (signal === null) return;
  err('interrupted; what was switched off is on again');
  process.exitCode = 128 + constants.signals[signal];
}

/** One line for each fault; what leaked, or what else is wrong, below it. */
function leakLines(result: Result): readonly string[] {
  const { name, probes, leaked, recovery_ms, recovered_by, antitest_leaked } = result;
  const back = recovery_ms === null ? 'never' : `${(recovery_ms / 1000).toFixed(1)} s`;
  const counts = `${String(probes).padStart(7)}${String(leaked).padStart(7)}  ${back.padStart(8)}  ${antitest_leaked} leaked`;
  const line = `${holds(result) ? 'ok  ' : 'FAIL'}  ${name.padEnd(58)}${counts}`;
  const wrong = [
    ...(leaked > 0 ? [result.leaks] : []),
    ...(recovery_ms === null ? [`no answers after ${recovered_by}`] : []),
    ...(antitest_leaked === 0 ? [`no leak was seen without ${result.opened}`] : []),
    ...(result.error === null ? [] : [result.error]),
  ];
  return [line, ...wrong.map((text) => `      ${text}`)];
}

const half = `half made, unless a lab up is at work: sudo ${OP_DBUS} lab up`;

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/**
 * Raises `stop` at Ctrl-C, SIGTERM or SIGHUP and waits for `action`, whose every wait then has an end: what cleans up is
 * not itself cut short by a signal that comes twice. @returns the signal, null when none came; then errors are thrown.
 */
async function interruptible(action: (stop: AbortSignal) => Promise<void>): Promise<Signal | null> {
  const stop = new AbortController();
  let came: Signal | null = null;
  const on = (signal: NodeJS.Signals): void => {
    came ??= signal as Signal;
    stop.abort();
  };
  const signals: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, on);
  try {
    await action(stop.signal);
    return null;
  } catch (error) {
    // Removing what was made may fail as well, and that is to be told.
    if (error !== stop.signal.reason) throw error;
  } finally {
    for (const signal of signals) process.off(signal, on);
  }
  return came;
}

function root(): void {
  if (process.getuid?.() !== 0)
    throw new OpError('host', 'root is needed to make namespaces', { hint: 'Run it with sudo.' });
}

function hostName(name: string): HostName {
  const found = HOSTS.find((host) => host === name);
  if (found === undefined) throw new OpError('usage', `no host ${name}`, { hint: `There are: ${HOSTS.join(', ')}` });
  return found;
}

const file = '/etc/op-dbus/state.json';
const name = 'vps.example.net';

/** What a person would do on the two machines, with the same commands. The UUID goes from one to the other by a file. */
async function configure(): Promise<void> {
  await Promise.all([remember('vps'), remember('home')]);
  await must('vps', [
    'op-dbus',
    'init',
    '--profile',
    'privacy-vps',
    '--generate',
    '--public-ip',
    VPS,
    '--server-name',
    name,
    '-o',
    file,
  ]);
  await must('vps', ['op-dbus', 'apply', file]);
  const state = JSON.parse((await capture('vps', ['cat', file])).stdout) as VpsState;
  const inbound = state.plugins.lxc.containers[0]?.config.xray.inbound;
  await writeInside('home', '/etc/op-dbus/uuid', inbound?.settings.clients[0]?.id ?? '', 0o600);
  const { stdout: certificate } = await capture('vps', ['cat', '/etc/op-dbus/files/xray-server/etc/xray/cert.pem']);
  await writeInside('home', '/etc/op-dbus/vps.pem', certificate, 0o644);
  await must('home', [
    ...['op-dbus', 'init', '--profile', 'privacy-client', '--generate', '--vps', VPS, '--server-name', name],
    ...['--uuid', '@/etc/op-dbus/uuid', '--certificate', '/etc/op-dbus/vps.pem'],
    ...['--warp', '/etc/op-dbus/wgcf-profile.conf', '--endpoint', HOME.lan, '-o', file],
  ]);
  await must('home', ['op-dbus', 'apply', file]);
}

type VpsState = {
  readonly plugins: {
    readonly lxc: {
      readonly containers: readonly {
        readonly config: {
          readonly xray: {
            readonly inbound: { readonly settings: { readonly clients: readonly { readonly id: string }[] } };
          };
        };
      }[];
    };
  };
};

async function must(host: HostName, argv: readonly string[]): Promise<void> {
  out(`${host}# ${argv.join(' ')}`);
  const code = await run(host, argv);
  if (code !== 0) {
    throw new OpError('check', `${host} could not be set up: ${argv.slice(0, 2).join(' ')} ended with ${code}`, {
      hint: `Look around with: sudo ${OP_DBUS} lab up --keep; sudo ${OP_DBUS} lab exec ${host} -- bash`,
    });
  }
}
