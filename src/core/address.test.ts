// IPv4 arithmetic.

import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  assignable,
  broadcastOf,
  contains,
  ipToNumber,
  networkOf,
  nthOf,
  numberToIp,
  overlap,
  parseAddress,
  showAddress,
} from './address.ts';

const ip = fc.ipV4();
const address = fc.record({ ip, prefix: fc.integer({ min: 0, max: 32 }) }, { noNullPrototype: true });

test('an address with prefix is read back as written, anything unusual is refused', () => {
  fc.assert(fc.property(address, (each) => assert.deepEqual(parseAddress(showAddress(each)), each)));
  for (const text of [
    '010.0.0.1/8',
    '1.2.3.4',
    '1.2.3.4/33',
    '1.2.3.4/08',
    '1.2.3/8',
    '1.2.3.4/',
    '1.2.3.4/-1',
    ' 1.2.3.4/8',
    '1.2.3.4/8\n',
    '1.2.3.256/8',
    '0x1.2.3.4/8',
    '::1/64',
    '',
  ])
    assert.equal(parseAddress(text), null, text);
});

test('numbers and addresses are the same thing', () => {
  fc.assert(fc.property(fc.nat(2 ** 32 - 1), (number) => assert.equal(ipToNumber(numberToIp(number)), number)));
});

test('containment agrees with node:net', () => {
  fc.assert(
    fc.property(address, ip, fc.boolean(), (subnet, other, near) => {
      const candidate = near ? (nthOf(subnet, 0) ?? other) : other;
      const list = new BlockList();
      list.addSubnet(subnet.ip, subnet.prefix);
      assert.equal(contains(subnet, candidate), list.check(candidate));
    }),
  );
});

test('a network spans from its network address to its broadcast address', () => {
  assert.equal(showAddress(networkOf({ ip: '192.168.77.200', prefix: 20 })), '192.168.64.0/20');
  assert.equal(broadcastOf({ ip: '192.168.77.200', prefix: 20 }), '192.168.79.255');
  assert.equal(broadcastOf({ ip: '255.1.2.3', prefix: 0 }), '255.255.255.255');
  assert.equal(nthOf({ ip: '10.0.0.9', prefix: 24 }, 101), '10.0.0.101');
  assert.equal(nthOf({ ip: '10.0.0.9', prefix: 30 }, 4), null);
  fc.assert(
    fc.property(address, (each) => {
      assert.ok(contains(each, networkOf(each).ip) && contains(each, broadcastOf(each)));
      assert.equal(contains(each, numberToIp((ipToNumber(broadcastOf(each)) + 1) % 2 ** 32)), each.prefix === 0);
    }),
  );
});

test('two networks overlap when one contains the other', () => {
  fc.assert(
    fc.property(address, address, (a, b) => {
      assert.equal(overlap(a, b), contains(a, networkOf(b).ip) || contains(b, networkOf(a).ip));
    }),
  );
});

test('loopback, this-network and multicast addresses are not for hosts', () => {
  for (const each of ['0.0.0.1', '127.0.0.1', '224.0.0.1', '255.255.255.255'])
    assert.equal(assignable(each), false, each);
  for (const each of ['10.0.0.1', '128.0.0.1', '223.255.255.254']) assert.equal(assignable(each), true, each);
});
