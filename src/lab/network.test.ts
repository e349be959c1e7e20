// The network of the lab as data: every link, address and route fits together.

import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { settings } from './network.ts';
import { HOSTS, LINKS, NAMES, RESOLVERS } from './topology.ts';

const ends = LINKS.flatMap((link) => [link, link.peer]);

test('no address is used twice, and every name leads to an address that a host of the lab has', () => {
  const addresses = [
    ...ends.flatMap((end) => end.addresses.map((address) => address.split('/')[0] ?? '')),
    ...RESOLVERS,
  ];
  assert.equal(new Set(addresses).size, addresses.length);
  for (const address of addresses) assert.notEqual(isIP(address), 0, address);
  for (const [name, address] of Object.entries(NAMES)) assert.ok(addresses.includes(address), name);
});

test('every host but the router has one default route for IPv4, and addresses come before routes', () => {
  for (const host of HOSTS) {
    const lines = settings(host);
    const defaults = lines.filter((line) => line.startsWith('route add default via') && !line.includes(':'));
    assert.equal(defaults.length, host === 'inet' ? 0 : 1, host);
    assert.ok(
      lines.findLastIndex((line) => line.startsWith('addr')) < lines.findIndex((line) => line.startsWith('route')),
      host,
    );
  }
});

test("home's end of the LAN is up with its address", () => {
  assert.ok(settings('home').includes('addr add 192.168.50.1/24 dev lan0\n'));
  assert.ok(settings('home').includes('link set lan0 up\n'));
});
