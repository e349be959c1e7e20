// What `npm run test:vm` does around the guest; the guest itself is a test of its own.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { boot } from './vm/boot.ts';
import { loadOrder } from './vm/initramfs.ts';

const folder = await mkdtemp(`${tmpdir()}/op-dbus-vm-`);
after(() => rm(folder, { recursive: true }));

/** A guest that is a shell script; `$0` is the folder. */
function guest(script: string, deadline = 10_000): Promise<number> {
  return boot(['sh', '-c', script, folder], { env: { TOLD: '3' }, folder, deadline });
}

const dep = `kernel/fs/9p/9p.ko: kernel/fs/netfs/netfs.ko kernel/net/9p/9pnet.ko
kernel/fs/netfs/netfs.ko:
kernel/net/9p/9pnet.ko:
kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko
kernel/drivers/virtio/virtio.ko.xz:
`;

test('a module is loaded after all that it needs, and once', () => {
  assert.deepEqual(loadOrder(dep, ['9pnet_virtio', '9p']), [
    'kernel/drivers/virtio/virtio.ko',
    'kernel/net/9p/9pnet.ko',
    'kernel/net/9p/9pnet_virtio.ko',
    'kernel/fs/netfs/netfs.ko',
    'kernel/fs/9p/9p.ko',
  ]);
  assert.deepEqual(loadOrder(dep, ['virtio']), ['kernel/drivers/virtio/virtio.ko.xz']);
});

test('a module that the kernel does not have is named', () => {
  assert.throws(() => loadOrder(dep, ['9p', 'ext4']), { code: 'host', message: /no module ext4/ });
});

test("the guest's status is passed on", async () => {
  assert.equal(await guest('echo "$TOLD" >"$0/status"'), 3);
  assert.equal(await guest('echo 0 >"$0/status"; exit 1'), 0);
});

test("a guest that tells no status has failed, and its kernel's last words are shown", async () => {
  await writeFile(`${folder}/status`, '');
  await assert.rejects(guest('echo "Kernel panic" >"$0/kernel"'), { code: 'check', hint: /Kernel panic/ });
});

test('a guest that does not end is killed at the deadline, whatever it told', { timeout: 10_000 }, async () => {
  await assert.rejects(guest('echo 0 >"$0/status"; echo $$ >"$0/pid"; exec sleep 600', 300), { code: 'timeout' });
  const pid = Number(await readFile(`${folder}/pid`, 'utf8'));
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
