// `npm run test:vm`: boots Debian's kernel under qemu with the machine's / below an overlay, and runs kernel.test.ts there.
//
//   node test/vm/run.ts [MINUTES]      MINUTES: after which the guest is killed, 30 unless told
//
// The exit status is the test's; what it prints comes as it is printed. docs/testing-vm.md says what is shown and what isn't.

import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { lxcContainers } from '../../src/drivers/container/client.ts';
import { exec, run } from '../../src/drivers/exec.ts';
import { locked } from '../../src/drivers/lock.ts';
import { source } from '../../src/drivers/source.ts';
import { describe, OpError } from '../../src/error.ts';
import { boot } from './boot.ts';
import { initramfs } from './initramfs.ts';
import { parts, type Parts } from './parts.ts';

const FOLDER = '/var/cache/op-dbus/vm';
/** What one run writes; a run that was killed leaves it to the next, which removes it. */
const RUN = `${FOLDER}/run`;
const DISK = 8 * 2 ** 30;

try {
  const minutes = Number(process.argv[2] ?? 30);
  if (!(minutes > 0)) throw new OpError('usage', 'usage: node test/vm/run.ts [MINUTES]');
  process.exitCode = await locked(`${FOLDER}/lock`, 'npm run test:vm', () => prove(minutes));
} catch (error) {
  console.error(describe(error));
  process.exitCode = 1;
}

async function prove(minutes: number): Promise<number> {
  if (process.getuid?.() !== 0) throw new OpError('host', 'root is needed to read all of /', { hint: 'Use sudo.' });
  await mkdir(FOLDER, { recursive: true, mode: 0o711 });
  const found = await parts(FOLDER, console.log);
  // The guest has no network: what is built from packages is built here.
  await lxcContainers().prepare('debian-12', console.log);
  await run(exec, ['npm', '--prefix', source(), 'run', '-s', 'build'], { deadline: 120_000 });
  // Fills the cache of compiled code that the guest can only read.
  await run(exec, [source('bin/op-dbus'), '--version']);
  await rm(RUN, { recursive: true, force: true });
  await mkdir(RUN, { mode: 0o700 });
  try {
    const argv = await machine(found);
    const started = performance.now();
    try {
      return await boot(argv, { env: found.env, folder: RUN, deadline: minutes * 60_000 });
    } finally {
      console.log(`vm: ended after ${((performance.now() - started) / 1000).toFixed(0)} s`);
    }
  } finally {
    await rm(RUN, { recursive: true, force: true });
  }
}

/** Makes what the guest boots from. @returns qemu's argument vector. */
async function machine(found: Parts): Promise<readonly [string, ...string[]]> {
  const initrd = await initramfs(found, source('test/vm/init.sh'), RUN);
  await writeFile(`${RUN}/disk`, '');
  await truncate(`${RUN}/disk`, DISK);
  await run(exec, ['mkfs.ext4', '-q', '-O', '^has_journal', `${RUN}/disk`]);
  const parameters = [
    ...['console=ttyS0', 'panic=-1', 'mitigations=off'],
    `vm.init=${source('test/vm/guest.sh')}`,
    `vm.modules=${found.modules}`,
    `vm.node=${process.execPath}`,
    `vm.test=${source('test/vm/kernel.test.ts')}`,
  ];
  return [
    ...found.qemu,
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-nic', 'none'],
    // Where /dev/kvm opens, a guest may still hang with it. Emulated AVX is slower than doing without; AES is faster.
    ...['-machine', 'pc', '-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'Westmere,+rdrand', '-smp', '2'],
    ...['-m', '4096'],
    ...['-kernel', found.kernel, '-initrd', initrd, '-append', parameters.join(' ')],
    ...['-serial', `file:${RUN}/kernel`, '-chardev', 'stdio,id=out,signal=off', '-serial', 'chardev:out'],
    ...['-serial', `file:${RUN}/status`],
    ...['-drive', `file=${RUN}/disk,if=virtio,format=raw,cache=unsafe`],
    ...['-fsdev', 'local,id=machine,path=/,security_model=passthrough,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=machine,mount_tag=machine'],
  ];
}
