import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { onNode, TEMPLATE } from './bench.ts';

test('a container that is made has the configuration that Proxmox gives it', () =>
  onNode(async ({ create, conf, pct, call }) => {
    assert.deepEqual(await pct('list'), { code: 0, stdout: '', stderr: '' });
    const net = 'name=eth0,bridge=vmbr0,ip=10.0.0.5/24,hwaddr=bc:24:11:00:00:01';
    const made = await create(
      100,
      '--hostname=gw',
      '--net0',
      net,
      '--onboot',
      '--description',
      'a: b\nc',
      '--start',
      '0',
    );
    assert.deepEqual([made.code, made.stderr], [0, '']);
    assert.equal(
      await conf(100),
      `#a%3A b
#c
arch: amd64
hostname: gw
memory: 512
net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.0.0.5/24,type=veth
onboot: 1
ostype: debian
rootfs: local-btrfs:100/vm-100-disk-0.raw,size=8G
swap: 512
`,
    );
    assert.match((await pct('config', '100')).stdout, /^arch: amd64\ndescription: a%3A b%0Ac%0A\nhostname: gw\n/);
    const list =
      'VMID       Status     Lock         Name                \n100        stopped                 gw                  \n';
    assert.equal((await pct('list')).stdout, list);
    assert.equal((await pct('status', '100')).stdout, 'status: stopped\n');
    const [entry] = JSON.parse(
      (await call('pvesh', 'get', '/nodes/pve/lxc', '--output-format', 'json')).stdout,
    ) as object[];
    assert.deepEqual({ ...entry }, { ...entry, vmid: '100', status: 'stopped', name: 'gw', type: 'lxc' });
  }));

test('whether a container is unprivileged unless told depends on the version, and can’t be changed', () =>
  onNode(async ({ create, control, conf, pct }) => {
    await create(100);
    await create(101, '--unprivileged', '1');
    await control({ version: 9 });
    await create(102);
    await create(103, '--unprivileged', '0');
    const all = await Promise.all([100, 101, 102, 103].map(async (id) => (await conf(id)).includes('unprivileged: 1')));
    assert.deepEqual(all, [false, true, true, false]);
    const { code, stderr } = await pct('set', '100', '--unprivileged', '1');
    assert.deepEqual([code, stderr], [255, "unable to modify read-only option: 'unprivileged'\n"]);
  }));

test('what pct refuses leaves another exit status than 0 and says why', () =>
  onNode(async ({ create, pct, root, conf }) => {
    await create(100, '--protection', '1');
    await writeFile(`${root}/etc/pve/qemu-server/200.conf`, 'name: vm\n');
    await create(101, '--template', '1');
    await create(102);
    const before = await conf(102);
    const create2 = (...more: string[]): string[] => ['create', '103', TEMPLATE, ...more];
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [
        ['create', '100', TEMPLATE, '--storage', 'local-btrfs'],
        /^unable to create CT 100 - CT 100 already exists on node 'pve'\n$/,
      ],
      [
        ['create', '200', TEMPLATE, '--storage', 'local-btrfs'],
        /^unable to create CT 200 - VM 200 already exists on node 'pve'\n$/,
      ],
      [
        ['create', '99', TEMPLATE],
        /^400 Parameter verification failed\.\nvmid: value must have a minimum value of 100\npct create <vmid> <ostemplate> \[OPTIONS\]\n$/,
      ],
      [['create', '1000000000', TEMPLATE], /vmid: value must have a maximum value of 999999999/],
      [
        create2(),
        /^400 Parameter verification failed\.\nstorage: storage 'local' does not support container directories\n$/,
      ],
      [create2('--rootfs', 'none:8'), /^storage 'none' does not exist\n$/],
      [
        create2('--rootfs', 'local-btrfs:8', '--net0', 'name=eth0,bridge=none,mtu=1280'),
        /^bridge 'none' does not exist\n$/,
      ],
      [
        ['create', '103', 'local:vztmpl/debian-12', '--storage', 'local-btrfs'],
        /^can't find file 'local:vztmpl\/debian-12'\n$/,
      ],
      [create2('--no-such', '1'), /^400 unable to parse option\nUnknown option: no-such\n/],
      [['create', '103'], /^400 not enough arguments\n/],
      [['status', '102', '103'], /^400 too many arguments\n/],
      [['start', '101'], /^you can't start a CT if it's a template\n$/],
      [['stop', '102'], /^CT 102 not running\n$/],
      [['shutdown', '102'], /^CT 102 not running\n$/],
      [['exec', '102', '--', 'true'], /^container '102' not running!\n$/],
      [['exec', '102', 'ls', '-l'], /^400 unable to parse option\nUnknown option: l\n/],
      [['destroy', '100'], /^can't remove CT 100 - protection mode enabled\n$/],
      [['set', '102'], /^no options specified\n$/],
      [['set', '102', '--lxc.net.0.type', 'phys'], /^400 unable to parse option\n/],
      [['set', '102', '--delete', 'memory'], /^unable to delete required option 'memory'\n$/],
      [['set', '102', '--swap', '0', '--digest', 'x'], /^detected modified configuration - /],
      [
        ['set', '102', '--hookscript', 'local:snippets/none'],
        /^400 .*\nhookscript: script 'local:snippets\/none' does not exist\n$/,
      ],
      [['attach', '102'], /unknown command 'pct attach'/],
      [['st', '102'], /ambiguous/],
      [['enter', '102'], /terminal/],
    ];
    for (const [argv, text] of refusals) {
      const { code, stderr } = await pct(...argv);
      assert.notEqual(code, 0, argv.join(' '));
      assert.match(stderr, text, argv.join(' '));
    }
    assert.deepEqual(await pct('config', '103'), {
      code: 2,
      stdout: '',
      stderr: "Configuration file 'nodes/pve/lxc/103.conf' does not exist\n",
    });
    assert.equal(await conf(102), before);
  }));

test('a verb may be abbreviated, and options stand before arguments or after', () =>
  onNode(async ({ create, pct, conf }) => {
    await create(100);
    assert.equal((await pct('stat', '100')).stdout, 'status: stopped\n');
    assert.equal((await pct('set', '--swap=0', '100', '-cores', '2')).code, 0);
    assert.match(await conf(100), /^cores: 2\n[^]*^swap: 0$/m);
  }));

test('a card without an address gets another one each time that it is set', () =>
  onNode(async ({ create, pct, conf }) => {
    await create(100, '--net0', 'name=eth0,bridge=b');
    const mac = async (): Promise<string> => /hwaddr=(BC:24:11:(?:[0-9A-F]{2}:?){3})/.exec(await conf(100))?.[1] ?? '';
    const first = await mac();
    await pct('set', '100', '--net0', 'name=eth0,bridge=b');
    assert.match(first, /./);
    assert.notEqual(await mac(), first);
  }));

test('a change of a key that is not set is told, and raw entries and comments outlive a change', () =>
  onNode(async ({ create, pct, conf, root }) => {
    await create(100, '--tags', 'a');
    await writeFile(`${root}/etc/pve/lxc/100.conf`, `#note\nlxc.net.32.type = phys\nbogus\n${await conf(100)}`);
    const { code, stderr } = await pct('set', '100', '--delete', 'tags,cores');
    assert.equal(code, 0);
    assert.match(stderr, /^cannot delete 'cores' - not set in current configuration!$/m);
    assert.match(stderr, /unable to parse config: bogus$/m);
    const after = await conf(100);
    assert.match(after, /^#note\n[^]*\nlxc\.net\.32\.type: phys\n$/);
    assert.doesNotMatch(after, /tags|bogus/);
    assert.match(await readFile(`${root}/var/lib/lxc/100/config`, 'utf8'), /^lxc\.net\.32\.type = phys$/m);
  }));

test('a destroyed container leaves nothing but its lock’s file', () =>
  onNode(async ({ create, pct, call, root }) => {
    await create(100);
    const path = (await call('pvesm', 'path', 'local-btrfs:100/vm-100-disk-0.raw')).stdout;
    assert.equal(path, `${root}/var/lib/pve/local-btrfs/images/100/vm-100-disk-0/disk.raw\n`);
    assert.match(
      (await call('pvesm', 'list', 'local-btrfs')).stdout,
      /^local-btrfs:100\/vm-100-disk-0\.raw +raw +rootdir +8589934592 100$/m,
    );
    assert.equal((await pct('destroy', '100')).code, 0);
    assert.equal((await call('pvesm', 'list', 'local-btrfs')).stdout.split('\n').length, 2);
    assert.doesNotMatch(await readFile(`${root}/etc/pve/.vmlist`, 'utf8'), /100/);
    await assert.rejects(readFile(`${root}/var/lib/lxc/100/config`), { code: 'ENOENT' });
  }));

test('a hookscript has to be there and executable when it is set', () =>
  onNode(async ({ create, pct, conf, root }) => {
    await create(100);
    await mkdir(`${root}/var/lib/vz/snippets`);
    await writeFile(`${root}/var/lib/vz/snippets/x`, '#!/bin/sh\n', { mode: 0o644 });
    assert.match(
      (await pct('set', '100', '--hookscript', 'local:snippets/x')).stderr,
      /script 'local:snippets\/x' is not executable/,
    );
    await chmod(`${root}/var/lib/vz/snippets/x`, 0o755);
    assert.equal((await pct('set', '100', '--hookscript', 'local:snippets/x')).code, 0);
    assert.match(await conf(100), /^hookscript: local:snippets\/x$/m);
  }));

test('snapshots, templates and clones keep what they keep', () =>
  onNode(async ({ create, pct, conf, root }) => {
    await create(100, '--net0', 'name=eth0,bridge=b,hwaddr=BC:24:11:00:00:01');
    await writeFile(`${root}/etc/pve/lxc/100.conf`, `${await conf(100)}lxc.net.32.link: internal_100\n`);
    assert.equal((await pct('snapshot', '100', 'one')).code, 0);
    const again = await pct('snapshot', '100', 'one');
    assert.deepEqual([again.code, again.stderr], [255, "snapshot name 'one' already used\n"]);
    assert.match(
      await conf(100),
      /^parent: one\n[^]*^\[one\]\n[^]*^snaptime: \d+\n[^]*^lxc\.net\.32\.link: internal_100\n$/m,
    );
    assert.match((await pct('template', '100')).stderr, /^unable to create template, because CT contains snapshots/);
    assert.equal((await pct('clone', '100', '101', '--hostname', 'two')).code, 0);
    const copy = await conf(101);
    assert.match(copy, /^hostname: two$/m);
    assert.match(copy, /^rootfs: local-btrfs:101\/vm-101-disk-0\.raw,size=8G$/m);
    assert.match(copy, /^lxc\.net\.32\.link: internal_100$/m);
    assert.doesNotMatch(copy, /00:00:01|parent|\[one\]/);
    assert.equal((await pct('template', '101')).code, 0);
    assert.match(await conf(101), /^rootfs: local-btrfs:101\/base-101-disk-0\.raw,size=8G$/m);
    assert.match(
      (await pct('clone', '101', '102', '--storage', 'local-btrfs')).stderr,
      /^parameter 'storage' not allowed for linked clones/,
    );
  }));

test('templates are found by their newest name, and the containers’ store is told', () =>
  onNode(async ({ call }) => {
    assert.match(
      (await call('pveam', 'list', 'local')).stdout,
      /^NAME +SIZE +\nlocal:vztmpl\/debian-12-standard_12\.12-1_amd64\.tar\.zst +0\.00MB\n$/,
    );
    assert.match(
      (await call('pveam', 'available', '--section', 'system')).stdout,
      /^system {10}debian-12-standard_12\.2-1_amd64\.tar\.zst$/m,
    );
    assert.match(
      (await call('pvesm', 'status', '--content', 'rootdir')).stdout,
      /^Name .*\nlocal-btrfs +btrfs +active .*%\n$/,
    );
  }));
