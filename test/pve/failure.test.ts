import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { onNode, TEMPLATE } from './bench.ts';

test('who can’t have a container’s lock in time says so, and reading needs none', () =>
  onNode(async ({ create, pct, root }) => {
    await create(100);
    const path = `${root}/run/lock/lxc/pve-config-100.lock`;
    const holder = spawn('flock', [path, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    holder.stdin.write('\n');
    await once(holder.stdout, 'data');
    for (const argv of [
      ['set', '100', '--swap', '0'],
      ['start', '100'],
      ['destroy', '100'],
      ['snapshot', '100', 'a1'],
      ['unlock', '100'],
    ]) {
      const { code, stderr } = await pct(...argv);
      assert.equal(code, 255, argv.join(' '));
      assert.equal(stderr, `trying to acquire lock...\ncan't lock file '${path}' - got timeout\n`, argv.join(' '));
    }
    assert.equal((await pct('config', '100')).code, 0);
    assert.equal((await pct('status', '100')).code, 0);
    const gone = once(holder, 'exit');
    holder.stdin.end();
    await gone;
    assert.equal((await pct('set', '100', '--swap', '0')).code, 0);
  }));

test('a container that is marked as locked is not changed until it is unlocked', () =>
  onNode(async ({ create, pct, conf, root }) => {
    await create(100);
    await writeFile(`${root}/etc/pve/lxc/100.conf`, `${await conf(100)}lock: backup\n`);
    for (const argv of [
      ['set', '100', '--swap', '0'],
      ['start', '100'],
      ['destroy', '100'],
      ['snapshot', '100', 'a1'],
      ['template', '100'],
      ['clone', '100', '101'],
      ['mount', '100'],
    ]) {
      const { code, stderr } = await pct(...argv);
      assert.notEqual(code, 0, argv.join(' '));
      assert.equal(stderr, 'CT is locked (backup)\n', argv.join(' '));
    }
    assert.match((await pct('list')).stdout, /^100 +stopped +backup +CT100/m);
    assert.equal((await pct('unlock', '100')).code, 0);
    assert.equal((await pct('set', '100', '--swap', '0')).code, 0);
  }));

test('without a quorum nothing is written', () =>
  onNode(async ({ create, pct, conf, control }) => {
    await create(100);
    const before = await conf(100);
    await control({ quorum: false });
    for (const argv of [
      ['create', '101', TEMPLATE],
      ['set', '100', '--swap', '0'],
      ['start', '100'],
      ['destroy', '100'],
      ['snapshot', '100', 'a1'],
      ['clone', '100', '101'],
    ]) {
      const { code, stderr } = await pct(...argv);
      assert.equal(code, 255, argv.join(' '));
      assert.equal(stderr, 'cluster not ready - no quorum?\n', argv.join(' '));
    }
    assert.equal(await conf(100), before);
    assert.equal((await pct('status', '100')).code, 0);
  }));

test('a storage that is out of reach or disabled is told', () =>
  onNode(async ({ create, control, root }) => {
    await control({ unavailable: ['local-btrfs'] });
    assert.match((await create(100)).stderr, /^storage 'local-btrfs' is not available on node 'pve'\n$/);
    await control({});
    const cfg = `${root}/etc/pve/storage.cfg`;
    await writeFile(cfg, `${await readFile(cfg, 'utf8')}\tdisable\n`);
    assert.match((await create(100)).stderr, /^storage 'local-btrfs' is disabled\n$/);
  }));

test('a creation that fails midway leaves nothing', () =>
  onNode(async ({ create, pct, control, call }) => {
    await control({ fail: { create: 'disk full' } });
    const { code, stderr } = await create(100);
    assert.deepEqual([code, stderr], [255, 'unable to create CT 100 - disk full\n']);
    assert.equal((await pct('list')).stdout, '');
    assert.doesNotMatch((await call('pvesm', 'list', 'local-btrfs')).stdout, /vm-100/);
  }));

test('a task of push, pull or template that fails leaves 0 behind, and any other 255', () =>
  onNode(async ({ create, pct, conf, control }) => {
    await create(100);
    const before = await conf(100);
    await control({ fail: { template: 'no', clone: 'no', destroy: 'no', start: 'no' } });
    const template = await pct('template', '100');
    assert.deepEqual([template.code, template.stderr], [0, 'no\n']);
    for (const argv of [
      ['destroy', '100'],
      ['clone', '100', '101'],
      ['start', '100'],
    ]) {
      const { code, stderr } = await pct(...argv);
      assert.deepEqual([code, stderr], [255, 'no\n'], argv.join(' '));
    }
    assert.equal((await conf(100)).replace('\n', ''), before.replace('\n', ''));
    for (const argv of [
      ['push', '100', '/etc/hostname', '/x'],
      ['pull', '100', '/x', '/tmp/x'],
    ]) {
      const { code, stderr } = await pct(...argv);
      assert.equal(code, 0, argv.join(' '));
      assert.match(stderr, /running CT/);
    }
  }));
