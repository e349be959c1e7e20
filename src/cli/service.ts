// op-dbus service install|uninstall|status: the daemon as a unit of systemd, and what keeps the host shut while it boots.

import type { Command } from 'commander';
import { source } from '../drivers/source.ts';
import { install, needSystemd, type ServiceState, serviceState, uninstall } from '../engine/boot/install.ts';
import { onThisHost } from './host.ts';
import { json, out, table } from './output.ts';

type Options = { readonly json?: boolean };

export function serviceCommand(program: Command): void {
  const service = program
    .command('service')
    .description('start op-dbus at boot, by systemd, and keep the host shut until then');
  service
    .command('install')
    .description('write both units, enable them, and start the daemon')
    .option('--json', 'print JSON')
    .action((options: Options) => change(install, options));
  service
    .command('uninstall')
    .description('stop the daemon and remove both units; the data path stays (op-dbus down removes that)')
    .option('--json', 'print JSON')
    .action((options: Options) => change(uninstall, options));
  service
    .command('status')
    .description('show what systemd says of both units; exit status 0 when the daemon runs, else 1')
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      process.exitCode = await status(options);
    });
}

async function change(action: typeof install, options: Options): Promise<void> {
  const done = await onThisHost((host) => action(host, source()));
  if (options.json) json({ changed: done.length > 0, done });
  else for (const line of done.length === 0 ? ['Nothing to do.'] : done) out(line);
}

async function status(options: Options): Promise<number> {
  const state = await onThisHost(async (host) => {
    await needSystemd(host, source());
    return serviceState(host);
  });
  if (options.json) json(state);
  else for (const line of table(rows(state))) out(line);
  return state.units[0]?.active === 'active' ? 0 : 1;
}

function rows({ units, shut }: ServiceState): readonly (readonly string[])[] {
  const forwarding = shut ? 'shut since the boot, until the host is as it was applied' : 'not shut by op-dbus';
  return [
    ...units.map(({ name, load, enabled, active, sub, pid, restarts }) => {
      if (load === 'not-found') return [name, 'not installed'];
      const process = pid === 0 ? '' : `, process ${pid}`;
      const again = restarts === 0 ? '' : `, started again ${restarts} times`;
      return [name, `${enabled}, ${active} (${sub})${process}${again}`];
    }),
    ['forwarding', forwarding],
  ];
}
