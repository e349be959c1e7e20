// What every Net does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepsWatch } from '../watch.suite.ts';
import type { Link, Net } from './contract.ts';

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

  test(`${title}: a watch tells of links, addresses and forwarding`, async () => {
    const net = await make();
    await keepsWatch((changed) => net.watch(changed), {
      'a link is set up': () => net.up('port0'),
      'an address is added': () => net.addAddress('port0', '10.0.0.1/24'),
      'an address is removed': () => net.removeAddress('port0', '10.0.0.1/24'),
      'forwarding is turned on': () => net.setSysctl('net.ipv4.ip_forward', '1'),
      'forwarding is turned off': () => net.setSysctl('net.ipv4.ip_forward', '0'),
    });
  });
}
