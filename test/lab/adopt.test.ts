// Containers that somebody has made in Proxmox, in a home that has the chain: their networking is taken over, held, given back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { source } from '../../src/drivers/source.ts';
import { home, inHost, labDown, labUp, ok, sh } from './cli.ts';
import { looks } from './looks.ts';

process.env['OP_DBUS_LAB_PATH'] = source('test/pve/bin');

before(labUp);
after(labDown);

const file = '/etc/op-dbus/state.json';
type State = { plugins: { lxc: { containers: unknown[] } } };

const conf = (id: number): Promise<string> => ok('cat', `/etc/pve/lxc/${id}.conf`);
const born = (id: number): Promise<string> => ok('pct', 'exec', String(id), '--', 'stat', '-c', '%Y %i', '/proc/1');

async function reaches(...addresses: readonly string[]): Promise<void> {
  for (const address of addresses)
    for (let left = 20; (await home('ping', '-c', '1', '-W', '1', address)).code !== 0; left--) {
      assert.ok(left > 0, `${address} does not answer`);
      await sleep(500);
    }
}

async function same(): Promise<void> {
  const { code, stdout } = await home('op-dbus', 'diff', file);
  assert.equal(code, 0, stdout);
}

test('what is in the file by id and name is adopted, held over restarts, and given back as it was', async () => {
  // As Proxmox's installation makes it. An Open vSwitch bridge of theirs: network.root.test.ts.
  await sh(`ip link add name vmbr0 type bridge
    ip address add 10.9.0.1/24 dev vmbr0
    ip link set vmbr0 up`);
  const template = (await ok('pveam', 'list', 'local')).match(/\S+debian-12\S+/)?.[0] ?? '';
  for (const [id, name, unprivileged] of [
    ['104', 'app-server', '0'],
    ['105', 'web-server', '1'],
  ] as const) {
    const made = [
      '--hostname',
      name,
      '--unprivileged',
      unprivileged,
      '--features',
      'nesting=1',
      '--storage',
      'local-btrfs',
    ];
    await ok('pct', 'create', id, template, ...made, '--net0', `name=eth0,bridge=vmbr0,ip=10.9.0.${id}/24,gw=10.9.0.1`);
    await ok('pct', 'start', id);
  }
  await reaches('10.9.0.104', '10.9.0.105');
  const confs = [await conf(104), await conf(105)];
  const lives = [await born(104), await born(105)];

  const before = await ok('cat', file);
  const state = JSON.parse(before) as State;
  state.plugins.lxc.containers.push(
    { id: 104, name: 'app-server', template: 'debian-12', autostart: true },
    { id: 105, name: 'web-server', network: { bridge: 'ovsbr0', veth: true, ipv4: '10.0.0.105/24' } },
  );
  await inHost('home', ['tee', file], JSON.stringify(state));
  const plan = await home('op-dbus', 'diff', file);
  assert.match(plan.stdout, /pct set 104 --delete net0 {2}# adopt 104 app-server: networking only/);
  assert.match(plan.stdout, /pct set 105 --net0 \S+ {2}# adopt 105 web-server: networking only/);
  assert.doesNotMatch(plan.stdout, /pct (create|start|shutdown|destroy) 10[45]/);
  await ok('op-dbus', 'apply', file);
  await same();
  await reaches('10.0.0.104', '10.0.0.105');
  assert.deepEqual([await born(104), await born(105)], lives);

  for (const id of [104, 105]) {
    await ok('pct', 'reboot', String(id));
    await reaches(`10.0.0.${id}`);
  }
  await same();
  // As the web GUI does it: the port is made anew, without our mark and number.
  await sh(
    "pct set 105 --net0 $(sed -n 's/^net0: //p' /etc/pve/lxc/105.conf),link_down=1 && pct set 105 --net0 $(sed -n 's/^net0: //p' /etc/pve/lxc/105.conf | sed s/,link_down=1//)",
  );
  await ok('op-dbus', 'apply', file);
  await same();
  await reaches('10.0.0.105');

  await inHost('home', ['tee', file], before);
  const rebooted = [await born(104), await born(105)];
  await ok('op-dbus', 'apply', file);
  await same();
  await reaches('10.9.0.104', '10.9.0.105');
  assert.deepEqual([await conf(104), await conf(105)], confs);
  assert.deepEqual([await born(104), await born(105)], rebooted);
});

test('a failure on the way gives them back too, and down leaves them alone', async () => {
  const confs = [await conf(104), await conf(105)];
  const before = await ok('cat', file);
  const state = JSON.parse(before) as State;
  state.plugins.lxc.containers.push(
    { id: 105, name: 'web-server', network: { bridge: 'ovsbr0', veth: true, ipv4: '10.0.0.105/24' } },
    { id: 106, name: 'fresh' },
  );
  await inHost('home', ['tee', file], JSON.stringify(state));
  await inHost('home', ['tee', '/etc/pve-double.json'], JSON.stringify({ fail: { start: 'no luck today' } }));
  const failed = await home('op-dbus', 'apply', file);
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /no luck today[^]*Nothing is changed/);
  assert.deepEqual([await conf(104), await conf(105)], confs);
  await reaches('10.9.0.105');
  assert.match(await ok('pct', 'list'), /^105 +running/m);
  await ok('rm', '/etc/pve-double.json');

  await ok('op-dbus', 'apply', file);
  await reaches('10.0.0.105', '10.0.0.106');
  await ok('op-dbus', 'down');
  await reaches('10.9.0.104', '10.9.0.105');
  assert.deepEqual([await conf(104), await conf(105)], confs);
  assert.deepEqual((await ok('pct', 'list')).match(/^\d+/gm), ['104', '105']);
  await inHost('home', ['tee', file], before);
});

/**
 * Runs a command in home, which is killed as soon as its `pct VERB 106` is at work; pct goes on, as it does when an SSH
 * connection breaks.
 */
async function killedAt(verb: string, ...argv: string[]): Promise<void> {
  await inHost('home', ['tee', '/etc/pve-double.json'], JSON.stringify({ delay: { [verb]: 3000 } }));
  const script = `"$@" >/tmp/killed.txt 2>&1 & one=$!
    for try in $(seq 1500); do pgrep -P $one -f "pct ${verb} 106" >/dev/null && break; sleep 0.02; done
    kill -9 $one && wait $one; [ $? = 137 ]`;
  const { code } = await home('bash', '-c', script, 'bash', ...argv);
  assert.equal(code, 0, `not killed at ${verb}: ${await ok('cat', '/tmp/killed.txt')}`);
}

test('killed at whatever pct is doing, apply finishes and rollback undoes, and theirs is left alone', async () => {
  await ok('op-dbus', 'down');
  const nothing = await looks('home');
  const one = (id: number, more = {}) => ({
    id,
    network: { bridge: 'ovsbr0', veth: true, ipv4: `10.0.0.${id}/24` },
    ...more,
  });
  const written = async (name: string, ...containers: object[]): Promise<string> => {
    const text = JSON.stringify({ version: 1, plugins: { lxc: { containers } } });
    await inHost('home', ['tee', `/tmp/${name}.json`], text);
    return `/tmp/${name}.json`;
  };
  const web = one(105, { name: 'web-server' });
  const both = await written('both', web, one(106, { name: 'fresh', autostart: true }));
  const later = await written('later', web, one(106, { name: 'fresh', autostart: false }));
  const alone = await written('alone', web);
  const finished = async (path: string, begun: boolean): Promise<void> => {
    const { code, stderr } = await home('op-dbus', 'apply', path);
    assert.equal(code, 0, stderr);
    if (begun) assert.match(stderr, /was interrupted; this has gone on/);
  };

  await killedAt('create', 'op-dbus', 'apply', both);
  assert.match(await ok('op-dbus', 'rollback'), /^Undone: "apply/m);
  assert.deepEqual(await looks('home'), nothing);
  await killedAt('create', 'op-dbus', 'apply', both);
  await finished(both, true);
  const all = await looks('home');
  await ok('op-dbus', 'down');
  assert.deepEqual(await looks('home'), nothing);
  await killedAt('start', 'op-dbus', 'apply', both);
  await finished(both, true);
  assert.deepEqual(await looks('home'), all);

  await killedAt('set', 'op-dbus', 'apply', later);
  assert.match(await ok('op-dbus', 'rollback'), /^Undone: "apply/m);
  assert.deepEqual(await looks('home'), all);
  assert.match(await conf(106), /^onboot: 1/m);
  await killedAt('set', 'op-dbus', 'apply', later);
  await finished(later, true);
  assert.doesNotMatch(await conf(106), /^onboot: 1/m);
  await ok('op-dbus', 'apply', both);
  assert.deepEqual(await looks('home'), all);
  await killedAt('shutdown', 'op-dbus', 'apply', alone);
  assert.match(await ok('op-dbus', 'rollback'), /^Undone: "apply/m);
  assert.deepEqual(await looks('home'), all);
  // The change itself is done by then: what it has put aside is what is left to be removed.
  await killedAt('destroy', 'op-dbus', 'apply', alone);
  await finished(alone, false);
  assert.doesNotMatch(await ok('pct', 'list'), /^106 /m);
  await ok('op-dbus', 'down');
  assert.deepEqual(await looks('home'), nothing);
});
