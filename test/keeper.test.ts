// The daemon's look at a host of fakes: what it puts right, what it leaves, what it undoes, and when it gives way.

import { trials } from './fake-host.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { difference } from '../src/core/plan.ts';
import { type Finding, keep } from '../src/daemon/keeper.ts';
import { patience } from '../src/daemon/patience.ts';
import type { Host } from '../src/drivers/host.ts';
import { fakeMachine } from '../src/drivers/machine/fake.ts';
import { parseFlow } from '../src/drivers/openflow/text.ts';
import { apply } from '../src/engine/apply.ts';
import { readJournal, readPending, writeJournal } from '../src/engine/journal.ts';
import { parsed } from '../src/engine/load.ts';
import { observe } from '../src/engine/observe.ts';
import { want } from '../src/engine/want.ts';
import { OpError } from '../src/error.ts';
import { dying } from './dying.ts';
import type { FakeHost } from './fake-host.ts';
import { after, machine, type Name, stateOf, texts } from './machine.ts';

type Bench = {
  readonly host: FakeHost;
  readonly said: string[];
  /** Looks, as the daemon would at this time (seconds). */
  readonly at: (second: number, host?: Host) => Promise<Finding>;
  readonly is: (name: Name) => Promise<void>;
  busy: boolean;
};

async function bench(name: Name | null = 'client'): Promise<Bench> {
  const host = await machine();
  const said: string[] = [];
  const one = patience();
  if (name !== null) await applied(host, name);
  const begun = Date.now();
  const self: Bench = {
    host,
    said,
    busy: false,
    at: (second, other = host) =>
      keep({
        host: after(other, second),
        patience: one,
        tell: (level, text) => void said.push(`${level}: ${text}`),
        alone: async (action) => (self.busy ? null : action()),
        now: () => begun + second * 1000,
      }),
    is: async (wanted) => {
      const { resources } = await want(host, stateOf(wanted), '/golden/files');
      assert.deepEqual(difference(await observe(host), resources), [], wanted);
    },
  };
  return self;
}

function applied(host: Host, name: Name, confirm?: number): Promise<unknown> {
  const loaded = parsed({ file: `${name}.json`, text: texts[name], filesFolder: '/golden/files' });
  return apply(host, loaded, () => {}, { confirm });
}

const foreign = parseFlow('cookie=0x9, priority=65535 actions=NORMAL');

test('what differs is put right at once, and told; a host that is as applied is left alone', async () => {
  const { host, at, said, is } = await bench();
  assert.equal((await at(0)).state, 'kept');
  assert.deepEqual(said, []);
  await host.openflow.bundle('ovsbr0', [foreign], []);
  await host.nft.remove('op_dbus');
  host.containers.detached.add('warp-tunnel');
  const { state, drift, again } = await at(1);
  assert.deepEqual([state, drift, again], ['kept', 0, null]);
  await is('client');
  assert.match(said[0] ?? '', /^info: put right in 0\.00 s: filter host, flow ovsbr0 \(nft .*; ovs-ofctl .*del-flows/);
  assert.match(said[1] ?? '', /^info: put right in 0\.00 s: container warp-tunnel \(\S*hook warp-tunnel lxc attach\)/);
  assert.equal(said.length, 2);
});

test('nothing applied is nothing to keep', async () => {
  const { at } = await bench(null);
  assert.deepEqual([(await at(0)).state, (await at(0)).applied], ['nothing', null]);
});

test('a container that does not start is tried more and more rarely, and keeps nothing of the host from being put right', async () => {
  const { host, at, said } = await bench();
  let starts = 0;
  host.containers.onStart = () => {
    starts += 1;
    throw new OpError('host', 'it does not start');
  };
  await host.containers.stop('xray-client');
  const first = await at(0);
  assert.deepEqual([first.state, starts], ['differs', 1]);
  assert.match(said.at(-1) ?? '', /^error: .*it does not start; again in 1 s$/);
  await host.openflow.bundle('ovsbr0', [foreign], []);
  await at(0.5);
  assert.ok(!(await host.openflow.flows('ovsbr0')).some(({ cookie }) => cookie === '0x9'));
  assert.equal(starts, 1);
  for (let second = 1; second < 60; second += 1) await at(second);
  assert.ok(starts >= 5 && starts <= 7, `${starts}`);
  host.containers.onStart = () => {};
  assert.equal((await at(200)).state, 'kept');
});

test('somebody who undoes it again and again is told of; flows are tried again within 30 s, however often that was', async () => {
  const { host, at, said } = await bench();
  let held = 0;
  for (let second = 0; second < 80; second += 1) {
    await host.openflow.bundle('ovsbr0', [foreign], []);
    const finding = await at(second);
    held = finding.held.length === 0 ? 0 : held + 1;
    assert.ok(held <= 30, `${second}`);
  }
  assert.ok(said.filter((line) => /put right/.test(line)).length <= 18);
  assert.match(said.join('\n'), /warning: flow ovsbr0 is changed again and again by somebody else; again in 30 s/);
});

test('while another command is at work nothing is touched', async () => {
  const one = await bench();
  one.busy = true;
  await one.host.openflow.bundle('ovsbr0', [foreign], []);
  const { state, again } = await one.at(0);
  assert.deepEqual([state, again], ['differs', 250]);
  assert.ok((await one.host.openflow.flows('ovsbr0')).some(({ cookie }) => cookie === '0x9'));
  one.busy = false;
  assert.equal((await one.at(1)).state, 'kept');
});

test('a change that was interrupted is undone; one that failed and was to stay is left, without a word', async () => {
  const { host, at, said, is } = await bench();
  const counted = dying(await machine(), null);
  await applied(counted.host, 'vps');
  const mortal = dying(host, { at: Math.floor(counted.calls() * 0.8), when: 'after', of: 'process' });
  await Promise.race([applied(mortal.host, 'vps'), mortal.died]);
  assert.notEqual(await readJournal(host), null);
  assert.equal((await at(0)).state, 'kept');
  await is('client');
  assert.match(said[0] ?? '', /^warning: "apply vps\.json" of .* was interrupted, and is undone/);
  host.containers.onStart = () => Promise.reject(new OpError('host', 'it does not start'));
  const loaded = parsed({ file: 'vps.json', text: texts.vps, filesFolder: '/golden/files' });
  await assert.rejects(apply(host, loaded, () => {}, { back: false }));
  const before = await observe(host);
  said.length = 0;
  const { state, again } = await at(1);
  assert.deepEqual([state, again, said], ['differs', null, []]);
  assert.deepEqual(await observe(host), before);
});

test('what nobody confirms is undone when its time is over, and not before', async () => {
  const { host, at, said, is } = await bench();
  await applied(host, 'vps', 60);
  const waiting = await at(1);
  assert.equal(waiting.state, 'kept');
  assert.ok(waiting.again !== null && waiting.again > 50_000 && waiting.again <= 60_000, `${waiting.again}`);
  assert.notEqual(waiting.unconfirmed, null);
  await is('vps');
  const over = await at(61);
  assert.deepEqual([over.state, over.unconfirmed, over.applied], ['kept', null, 'client.json']);
  await is('client');
  assert.match(said.at(-1) ?? '', /^warning: "apply vps\.json" was not confirmed until .*, and is undone/);
});

test('a host that can not be looked at is an error, and nothing is held against anybody', async () => {
  const { host, at } = await bench();
  const blind = {
    ...host,
    openflow: { ...host.openflow, flows: () => Promise.reject(new OpError('host', 'no switch')) },
  };
  await assert.rejects(at(0, blind), { code: 'host', message: /no switch/ });
  assert.deepEqual((await at(1)).held, []);
});

test('no line holds a secret', async () => {
  const { host, at, said } = await bench();
  const key = await host.containers.read('wireguard-gateway', '/etc/wireguard/wg0.conf');
  assert.match(key ?? '', /PrivateKey = /);
  const secret = /PrivateKey = (\S+)/.exec(key ?? '')?.[1] ?? '';
  await host.containers.write('wireguard-gateway', '/etc/wireguard/wg0.conf', `${key}# ${secret}\n`, {
    ...{ mode: 0o600, uid: 0, gid: 0 },
  });
  await at(0);
  assert.ok(said.length > 0);
  assert.ok(!said.join('\n').includes(secret));
});

test('a container whose root holds its own filter, or lets nobody list it, keeps nothing else from being put right', async () => {
  for (const how of ['held', 'endless'] as const) {
    const { host, at, is } = await bench();
    const filter: typeof host.containers.filter = (name) => {
      const nft = host.containers.filter(name);
      if (name !== 'wireguard-gateway') return nft;
      const refuse = () => Promise.reject(new OpError('host', 'no'));
      return { ...nft, replace: refuse, table: how === 'endless' ? refuse : async () => 'table inet op_dbus {\n}' };
    };
    await host.openflow.bundle('ovsbr0', [foreign], []);
    await host.containers.stop('xray-client');
    const { state, drift, held } = await at(0, { ...host, containers: { ...host.containers, filter } });
    assert.deepEqual([state, drift, held.map(({ what }) => what)], ['differs', 1, ['filter wireguard-gateway']], how);
    await is('client');
  }
});

test('a container that does not start keeps no other from being started', async () => {
  const { host, at } = await bench();
  host.containers.onStart = (name) => {
    if (name === 'xray-client') throw new OpError('host', 'it does not start');
  };
  for (const name of ['xray-client', 'warp-tunnel', 'wireguard-gateway']) await host.containers.stop(name);
  await at(0);
  const off = (await host.containers.list()).filter(({ running }) => !running).map(({ name }) => name);
  assert.deepEqual(off, ['xray-client']);
});

test('a container that makes us wait is left alone for ten times as long, and is all that is left', async () => {
  const { host } = await bench();
  const said: string[] = [];
  const one = patience();
  let now = Date.now();
  host.containers.onStart = () => void (now += 60_000);
  const given = { host, patience: one, alone: <T>(action: () => Promise<T>) => action(), now: () => now };
  const look = () => keep({ ...given, tell: (level, text) => void said.push(`${level}: ${text}`) });
  await host.containers.stop('xray-client');
  assert.equal((await look()).state, 'kept');
  await host.containers.stop('xray-client');
  await host.openflow.bundle('ovsbr0', [foreign], []);
  const begun = now;
  assert.deepEqual([(await look()).drift, now - begun], [1, 0]);
  assert.match(said.join('\n'), /warning: container xray-client took 60 s; again in 600 s at the earliest/);
  now += 600_000;
  assert.equal((await look()).state, 'kept');
});

test('while a container makes us wait the ground is put right all the same', async () => {
  const { host, at, said } = await bench();
  const open = async (): Promise<boolean> =>
    (await host.openflow.flows('ovsbr0')).some(({ cookie }) => cookie === '0x9');
  let still: boolean | null = null;
  host.containers.onStart = async () => {
    await host.openflow.bundle('ovsbr0', [foreign], []);
    for (const deadline = Date.now() + 3000; (await open()) && Date.now() < deadline; ) await sleep(10);
    still = await open();
  };
  await host.containers.stop('xray-client');
  await at(0);
  assert.equal(still, false);
  assert.match(said.join('\n'), /info: put right meanwhile: flow ovsbr0/);
});

test('what somebody undoes again and again is told of also while a container makes us wait', async () => {
  const { host, at, said } = await bench();
  const undone = async (): Promise<boolean> => {
    await host.openflow.bundle('ovsbr0', [foreign], []);
    return /changed again and again/.test(said.join('\n'));
  };
  for (let second = 0; second < 5; second += 1) {
    await undone();
    await at(second);
  }
  host.containers.onStart = async () => {
    for (const deadline = Date.now() + 3000; !(await undone()) && Date.now() < deadline; ) await sleep(10);
  };
  await host.containers.stop('xray-client');
  await at(5);
  assert.match(said.join('\n'), /info: put right meanwhile: .*\nwarning: flow ovsbr0 is changed again and again/);
});

test('while a key is missing from its folder the ground is kept as it was made, and nothing else is touched', async () => {
  const { host, at } = await bench();
  for (const path of [...host.files.entries.keys()].filter((one) => one.startsWith('/golden/files/')))
    await host.files.remove(path);
  await host.nft.remove('op_dbus');
  await host.openflow.bundle('ovsbr0', [foreign], []);
  await host.containers.stop('xray-client');
  await assert.rejects(at(0), AggregateError);
  assert.ok(!(await host.openflow.flows('ovsbr0')).some(({ cookie }) => cookie === '0x9'));
  assert.notEqual(await host.nft.table('op_dbus'), null);
  assert.ok((await host.containers.list()).some(({ running }) => !running));
});

test('what failed on top of an unconfirmed change, and was to stay so, is not undone when the time of that is over', async () => {
  const { host, at } = await bench();
  await applied(host, 'vps', 60);
  const pending = await readPending(host);
  assert.ok(pending);
  await writeJournal(host, { ...pending, held: true });
  const before = await observe(host);
  await at(61);
  assert.deepEqual([await observe(host), (await readJournal(host))?.held], [before, true]);
});

test('while the ground can not be put right no container is started', async () => {
  const { host, at } = await bench();
  await host.nft.remove('op_dbus');
  await host.containers.stop('xray-client');
  const nft = { ...host.nft, replace: () => Promise.reject(new OpError('host', 'nft: no')) };
  const { state, held } = await at(0, { ...host, nft });
  assert.deepEqual([state, held.map(({ what }) => what)], ['differs', ['filter host']]);
  assert.ok((await host.containers.list()).some(({ running }) => !running));
});

test('containers are started from the exit inwards', async () => {
  const { host, at } = await bench();
  const started: string[] = [];
  const names = ['wireguard-gateway', 'warp-tunnel', 'xray-client'];
  host.containers.onStart = (name) => void started.push(name);
  for (const name of names) await host.containers.stop(name);
  await at(0);
  assert.deepEqual(started, names.toReversed());
});

test('another state that was applied while it waited is not undone', async () => {
  const one = await bench();
  await one.host.openflow.bundle('ovsbr0', [foreign], []);
  const real = one.host;
  let first = true;
  const finding = await keep({
    ...{ host: real, patience: patience(), tell: () => {}, now: () => performance.now() },
    alone: async (action) => {
      if (first) await applied(real, 'vps');
      first = false;
      return action();
    },
  });
  assert.equal(finding.state, 'kept');
  await one.is('vps');
});

test("another name server, or xray installed since, restarts nobody's container: that is for the next apply", async () => {
  const { host, at } = await bench('vps');
  const names = { 'vps.example.net': ['95.216.30.2'] };
  const machine = fakeMachine({ trials, names, nameservers: ['1.1.1.1'], programs: { xray: '/usr/local/bin/xray' } });
  const { state, drift } = await at(0, { ...host, machine });
  assert.deepEqual([state, drift], ['kept', 0]);
  const { resources } = await want({ ...host, machine }, stateOf('vps'), '/golden/files');
  assert.notDeepEqual(difference(await observe(host), resources), []);
});
