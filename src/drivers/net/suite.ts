// What every Net does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsWatch } from '../watch.suite.ts';
import type { Family, Link, Net } from './contract.ts';

/** `make` gives a network with one Ethernet device `port0`, down, MTU 1500, without addresses. */
export function netSuite(title: string, make: () => Promise<Net>): void {
  const port0 = async (net: Net): Promise<Link> => {
    const link = (await net.links()).find(({ name }) => name === 'port0');
    assert.ok(link);
    return link;
  };

  test(`${title}: a link tells its MAC, MTU and that it is down`, async () => {
    const link = await port0(await make());
    assert.match(link.mac ?? '', /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    assert.deepEqual(
      { mtu: link.mtu, up: link.up, addresses: link.addresses },
      { mtu: 1500, up: false, addresses: [] },
    );
  });

  test(`${title}: a link is set up, and again`, async () => {
    const net = await make();
    await net.up('port0');
    await net.up('port0');
    assert.equal((await port0(net)).up, true);
  });

  test(`${title}: addresses keep their order; adding or removing one twice is quiet`, async () => {
    const net = await make();
    await net.addAddress('port0', '10.0.0.1/24');
    await net.addAddress('port0', '10.7.0.1/16');
    await net.addAddress('port0', '10.0.0.1/24');
    assert.deepEqual((await port0(net)).addresses, ['10.0.0.1/24', '10.7.0.1/16']);
    await net.removeAddress('port0', '10.0.0.1/24');
    await net.removeAddress('port0', '10.0.0.1/24');
    assert.deepEqual((await port0(net)).addresses, ['10.7.0.1/16']);
    await net.removeAddress('port0', '10.7.0.1/16');
  });

  test(`${title}: a device that is not there is an error that names it`, async () => {
    const net = await make();
    const named = { code: 'host', message: /nodev0/ };
    await assert.rejects(net.up('nodev0'), named);
    await assert.rejects(net.addAddress('nodev0', '10.0.0.1/24'), named);
    await assert.rejects(net.removeAddress('nodev0', '10.0.0.1/24'), named);
  });

  test(`${title}: without a default route there is no uplink`, async () => {
    assert.equal(await (await make()).uplink(), null);
  });

  test(`${title}: a sysctl is set and read back`, async () => {
    const net = await make();
    for (const value of ['1', '0']) {
      await net.setSysctl('net.ipv4.ip_forward', value);
      assert.equal(await net.sysctl('net.ipv4.ip_forward'), value);
    }
  });

  const ours = async (net: Net, family: Family): Promise<readonly string[]> =>
    ((await net.rules(family)) ?? []).flatMap((rule) => (rule.ours ? [rule.text] : []));

  test(`${title}: routing rules are told in order, with those of others`, async () => {
    const net = await make();
    const others = { 4: ['local', 'main', 'default'], 6: ['local', 'main'] } as const;
    for (const family of [4, 6] as const) {
      const texts = others[family].map((table, index) => `priority ${index === 0 ? 0 : 32765 + index} lookup ${table}`);
      assert.deepEqual(
        await net.rules(family),
        texts.map((text) => ({ ours: false, text })),
      );
    }
    const own = ['priority 3 not iif lo blackhole', 'priority 4 nop', 'priority 1 lookup local'];
    for (const rule of own) await net.addRule(4, rule);
    assert.deepEqual(await ours(net, 4), [own[2], own[0], own[1]]);
    assert.deepEqual(await ours(net, 6), []);
  });

  test(`${title}: a rule is added and removed as it is told, and doing either twice is quiet`, async () => {
    const net = await make();
    const all = {
      4: ['priority 2 fwmark 0x10000000/0x10000000 goto 4', 'priority 3 fwmark 0/0x10000000 iif nodev0 blackhole'],
      6: ['priority 3 iif nodev0 blackhole', 'priority 4 nop'],
    } as const;
    for (const family of [4, 6] as const) {
      for (const rule of [...all[family], ...all[family]]) await net.addRule(family, rule);
      assert.deepEqual(await ours(net, family), all[family]);
      for (const rule of [all[family][0], all[family][0]]) await net.removeRule(family, rule);
      assert.deepEqual(await ours(net, family), [all[family][1]]);
    }
  });

  test(`${title}: what is no rule is an error`, async () => {
    await assert.rejects((await make()).addRule(4, 'priority many blackhole'), { code: 'host' });
  });

  test(`${title}: an unknown sysctl reads as null and can't be set`, async () => {
    const net = await make();
    assert.equal(await net.sysctl('net.ipv4.no_such_key'), null);
    await assert.rejects(net.setSysctl('net.ipv4.no_such_key', '1'), { code: 'host' });
  });

  test(`${title}: a key that could climb out of /proc/sys is refused`, async () => {
    const net = await make();
    for (const key of ['net.//.//.etc.passwd', '', 'net..ipv4', 'net.ipv4 '])
      await assert.rejects((async () => net.sysctl(key))(), { code: 'internal' }, key);
  });

  test(`${title}: a watch tells of links, addresses, rules and forwarding`, async () => {
    const net = await make();
    await keepsWatch((changed) => net.watch(changed), {
      'a link is set up': () => net.up('port0'),
      'an address is added': () => net.addAddress('port0', '10.0.0.1/24'),
      'an address is removed': () => net.removeAddress('port0', '10.0.0.1/24'),
      'a rule is added': () => net.addRule(4, 'priority 3 not iif lo blackhole'),
      'a rule of IPv6 is added': () => net.addRule(6, 'priority 3 iif port0 blackhole'),
      'a rule is removed': () => net.removeRule(4, 'priority 3 not iif lo blackhole'),
      'forwarding is turned on': () => net.setSysctl('net.ipv4.ip_forward', '1'),
      'forwarding is turned off': () => net.setSysctl('net.ipv4.ip_forward', '0'),
    });
  });
}
