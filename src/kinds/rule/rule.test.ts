// Routing rules against a host in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../core/resource.ts';
import { client } from '../../core/topology/fixture.ts';
import { type FakeFiles, fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { type FakeNet, fakeNet } from '../../drivers/net/fake.ts';
import { rule } from './index.ts';
import { samples } from './samples.ts';
import type { Spec } from './schema.ts';

type Fake = { readonly host: Host; readonly files: FakeFiles; readonly net: FakeNet; readonly log: readonly string[] };

/** A host with the two drivers that this kind uses, which tells the order of what is done to it. */
function fake(): Fake {
  const [files, inner, log] = [fakeFiles(), fakeNet(), [] as string[]];
  const net: FakeNet = {
    ...inner,
    addRule: async (family, text) => {
      log.push(`+ ${text}`);
      await inner.addRule(family, text);
    },
    removeRule: async (family, text) => {
      log.push(`- ${text}`);
      await inner.removeRule(family, text);
    },
  };
  return { host: { files, net } as unknown as Host, files, net, log };
}

const [none = [], alone = [], before = [], two = []] = samples;
const silent = (): void => {};

/** What leads from one state to another, of one family. */
function change(from: typeof none, to: typeof none, name = 'ipv4'): readonly Change<Spec>[] {
  const spec = (all: typeof none): Spec | null => all.find((one) => one.name === name)?.spec ?? null;
  return [{ kind: 'rule', name, before: spec(from), after: spec(to) }];
}

const passes = ['priority 1 lookup local', 'priority 2 fwmark 0x10000000/0x10000000 goto 4', 'priority 4 nop'];
const shut = 'priority 3 not iif lo blackhole';
const bridge = 'priority 3 fwmark 0/0x10000000 iif ovsbr0 blackhole';
const path = '/var/lib/op-dbus/rule/ipv4';

test('a host that did not forward shuts all that carries no mark, one that did only what comes from our bridges', () => {
  const of = (all: typeof none) => all.map(({ name, spec }) => [name, ...spec.rules]);
  const ipv6 = ['ipv6', 'priority 3 iif ovsbr0 blackhole'];
  assert.deepEqual(of(alone), [['ipv4', passes[0], passes[1], shut, passes[2]], ipv6]);
  assert.deepEqual(of(before), [['ipv4', bridge], ipv6]);
  const mesh = ['priority 3 fwmark 0/0x10000000 iif mesh blackhole', 'priority 3 iif mesh blackhole'];
  assert.deepEqual(of(two), [
    ['ipv4', mesh[0], bridge],
    ['ipv6', mesh[1], ipv6[1]],
  ]);
});

test('without containers there are no rules', () => {
  const facts = {
    uplink: 'eth0',
    datapath: 'netdev',
    nameservers: [],
    netmaker: null,
    proxy: { program: 'v2ray' },
    shaper: null,
    backend: 'lxc',
    strangers: [],
    files: {},
  } as const;
  assert.deepEqual(rule.expand({ ...client, members: [] }, { ...facts, forwards: false }), []);
});

test('what shuts is added last and removed first: nothing is shut off that shall pass', async () => {
  const { host, log } = fake();
  await rule.apply(host, change(none, alone), silent);
  assert.deepEqual(
    log,
    [...passes, shut].map((one) => `+ ${one}`),
  );
  await rule.apply(host, change(alone, none), silent);
  assert.deepEqual(
    log.slice(4),
    [shut, ...passes.toReversed()].map((one) => `- ${one}`),
  );
});

test('a change adds before it removes, and leaves what stays alone', async () => {
  const { host, log } = fake();
  await rule.apply(host, change(none, alone), silent);
  await rule.apply(host, change(alone, before), silent);
  assert.deepEqual(log.slice(4), [`+ ${bridge}`, `- ${shut}`, ...passes.toReversed().map((one) => `- ${one}`)]);
});

test('the file for the boot has a command a line, what shuts last', async () => {
  const { host, files } = fake();
  await rule.apply(host, change(none, alone), silent);
  const [head, ...lines] = ((await files.read(path)) ?? '').split('\n');
  assert.match(head ?? '', /^# Written by op-dbus/);
  assert.deepEqual(lines, [...[...passes, shut].map((one) => `rule add ${one} protocol 219`), '']);
  await rule.apply(host, change(alone, none), silent);
  assert.deepEqual([...files.entries.keys()], []);
});

test('a rule that is gone, one too many, and a file that differs are drift, and are mended', async () => {
  const drifts: readonly ((fake: Fake) => Promise<void>)[] = [
    ({ net }) => net.removeRule(4, shut),
    ({ net }) => net.addRule(4, 'priority 2 lookup main'),
    ({ files }) => files.write(path, 'rule add priority 1 lookup main protocol 219\n'),
    ({ files }) => files.remove(path),
  ];
  for (const drift of drifts) {
    const one = fake();
    await rule.apply(one.host, change(none, alone), silent);
    await drift(one);
    const [seen] = await rule.observe(one.host);
    assert.deepEqual(seen?.spec, { rules: [] });
    assert.equal(rule.sound?.(seen.spec), null);
    await rule.apply(
      one.host,
      [{ kind: 'rule', name: 'ipv4', before: seen.spec, after: alone[0]?.spec ?? null }],
      silent,
    );
    assert.deepEqual((await rule.observe(one.host))[0], alone[0]);
  }
});

test('an accident is not made again: what is there stays', async () => {
  const { host, log } = fake();
  await rule.apply(host, change(none, alone), silent);
  await rule.apply(
    host,
    [{ kind: 'rule', name: 'ipv4', before: alone[0]?.spec ?? null, after: { rules: [] } }],
    silent,
  );
  assert.equal(log.length, 4);
});

test('where somebody else’s rule is asked before ours nothing is changed, and it is named', async () => {
  const { host, net } = fake();
  const foreign = (text: string) => net.families.set(4, [{ ours: false, text }, ...(net.families.get(4) ?? [])]);
  foreign('priority 5 lookup 7');
  await rule.preflight?.(host, change(none, alone), silent);
  foreign('priority 4 lookup 7');
  await assert.rejects(async () => rule.preflight?.(host, change(none, alone), silent), {
    code: 'foreign',
    message: /"priority 4 lookup 7"/,
  });
  // Only what comes before the last of ours.
  await rule.preflight?.(host, change(none, before), silent);
  await rule.apply(host, change(none, alone), silent);
  const [told] = (await rule.check?.(host, alone)) ?? [];
  assert.deepEqual([told?.ok, told?.detail], [false, '"priority 4 lookup 7" is asked first']);
});

test('verify names the rule that is gone, and is content otherwise', async () => {
  const { host, net } = fake();
  for (const name of ['ipv4', 'ipv6']) await rule.apply(host, change(none, alone, name), silent);
  const seen = async () => ((await rule.check?.(host, alone)) ?? []).map(({ ok, detail }) => `${ok} ${detail}`);
  assert.deepEqual(await seen(), ['true 4 rules', 'true 1 rules']);
  await net.removeRule(4, shut);
  assert.deepEqual(await seen(), [`false there is no rule "${shut}"`, 'true 1 rules']);
});

test('a kernel without IPv6 has nothing to shut, and gets the rules with the boot that has it', async () => {
  const { host, net } = fake();
  net.families.delete(6);
  await rule.apply(host, change(none, alone, 'ipv6'), silent);
  assert.deepEqual(await rule.observe(host), alone.slice(1));
  assert.equal((await rule.check?.(host, alone.slice(1)))?.[0]?.ok, true);
  await rule.apply(host, change(alone, none, 'ipv6'), silent);
  assert.deepEqual(await rule.observe(host), []);
});

test('the commands are those of ip rule, and only for what changes', () => {
  const lines = (from: typeof none, to: typeof none) => change(from, to).flatMap(rule.render);
  assert.deepEqual(lines(none, before), [`ip -4 rule add ${bridge} protocol 219`, `tee ${path}`]);
  assert.deepEqual(lines(two, before), [
    'ip -4 rule del priority 3 fwmark 0/0x10000000 iif mesh blackhole protocol 219',
    `tee ${path}`,
  ]);
  assert.deepEqual(lines(before, none), ['ip -4 rule flush protocol 219', `rm ${path}`]);
});
