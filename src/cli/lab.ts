// op-dbus lab up|status|exec|prove|down: the whole chain on this one machine.

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { lxcContainers } from '../drivers/container/client.ts';
import { OpError } from '../error.ts';
import { writeInside } from '../lab/host.ts';
import { capture, down, run, status, up } from '../lab/lab.ts';
import { prove } from '../lab/prove.ts';
import { remember } from '../lab/prove/snapshot.ts';
import { HOME, HOSTS, type HostName, VPS } from '../lab/topology.ts';
import { err, json, out, table } from './output.ts';

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
      if ((await status()).up) out('A lab is up: it is taken down first.');
      const started = performance.now();
      await up({ progress: out, configure, keep: options.keep === true });
      out(`The lab is up, in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    });
  lab
    .command('status')
    .description('show the hosts; exit status 0 when all are up')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      root();
      const now = await status();
      process.exitCode = now.up ? 0 : 1;
      if (options.json) return json({ ...now });
      const rows = now.hosts.map(({ name, pid, addresses }) => [
        name,
        pid === null ? 'down' : `pid ${pid}`,
        addresses.join(' '),
      ]);
      for (const line of table([['HOST', 'STATE', 'ADDRESSES'], ...rows])) out(line);
    });
  lab
    .command('exec')
    .description('run a program in a host')
    .argument('<host>', HOSTS.join(', '))
    .argument('<command...>', 'the program and its arguments')
    .passThroughOptions()
    .action(async (host: string, command: readonly string[]) => {
      root();
      process.exitCode = await run(hostName(host), command[0] === '--' ? command.slice(1) : command);
    });
  lab
    .command('prove')
    .description('prove every hop; exit status 0 when every line is ok')
    .option('--json', 'print JSON')
    .action(async (options: { readonly json?: boolean }) => {
      root();
      if (!(await status()).up) throw new OpError('usage', 'the lab is not up', { hint: 'Run: sudo op-dbus lab up' });
      const rows = await prove((row) => {
        if (!options.json) out(`${row.ok ? 'ok  ' : 'FAIL'}  ${row.name}: ${row.detail}`);
      });
      const failed = rows.filter(({ ok }) => !ok).length;
      if (options.json) json({ ok: failed === 0, rows });
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
    err(`lab: in ${host}, ${argv.slice(0, 2).join(' ')} ended with ${code}`);
    throw new OpError('check', `${host} could not be set up`, {
      hint: 'Look around with: op-dbus lab up --keep; op-dbus lab exec HOST -- bash',
    });
  }
}
