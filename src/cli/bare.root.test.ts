// query and down where nothing was ever applied: in a mount namespace with an empty /run and /var/lib. Needs root.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exec } from '../drivers/exec.ts';
import { source } from '../drivers/source.ts';

/** `prepare` is run by the shell before, in the same namespace. */
function bare(command: string, prepare = ':') {
  const script = `mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && ${prepare} && exec "$0" "$@"`;
  const program = [process.execPath, source('src/cli/main.ts'), command];
  return exec(['unshare', '--mount', 'sh', '-c', script, ...program]);
}

test('without a switch and without a trace of ours, query and down have nothing to show and to remove', async () => {
  const query = { code: 0, stdout: 'Nothing here is made by op-dbus.', stderr: '' };
  assert.deepEqual(await bare('query'), query);
  assert.deepEqual(await bare('down'), { ...query, stdout: 'Nothing to remove.' });
});

test('a switch that ran once and does not run now is an error as soon as something of ours is on the machine', async () => {
  for (const command of ['query', 'down']) {
    const { code, stderr } = await bare(
      command,
      'mkdir /var/lib/op-dbus && mount -t tmpfs tmpfs /etc/openvswitch && touch /etc/openvswitch/conf.db',
    );
    assert.equal(code, 1);
    assert.match(stderr, /db\.sock/);
  }
});
