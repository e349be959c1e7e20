import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Faults } from './die.ts';
import { net, ruleOf } from './option.ts';
import { check, printProperties, parseProperties, type Rule } from './schema.ts';

/** What is wrong with a value, as pct says it. */
const fault = (key: string, value: string): string => {
  const faults: Faults = {};
  check(key, value, ruleOf(key) as Rule, faults);
  return Object.entries(faults)
    .map(([field, text]) => `${field}: ${text}`)
    .join('\n');
};

const cases: readonly (readonly [key: string, value: string, fault: RegExp])[] = [
  [
    'net0',
    'bridge=vmbr0',
    /^net0: invalid format - format error\nnet0\.name: property is missing and it is not optional$/,
  ],
  ['net0', 'name=eth0,foo=1', /invalid key in comma-separated list property: foo$/],
  ['net0', 'name=eth0,name=eth1', /duplicate key in comma-separated list property: name$/],
  ['net0', 'eth0', /value without key, but schema does not define a default key$/],
  ['net0', '=eth0', /missing key in comma-separated list property$/],
  ['net0', 'name=eth0,hwaddr=01:00:00:00:00:01', /net0\.hwaddr: .*valid unicast MAC address$/],
  ['net0', 'name=eth0,ip=10.0.0.1', /net0\.ip: .*valid ipv4 network configuration$/],
  ['net0', 'name=eth0,ip=10.0.0.1/33', /net0\.ip: /],
  ['net0', 'name=eth0,gw=10.0.0.1/24', /net0\.gw: .*valid ipv4 address$/],
  ['net0', 'name=eth0,tag=4095', /net0\.tag: value must have a maximum value of 4094$/],
  ['net0', 'name=eth0,mtu=63', /net0\.mtu: value must have a minimum value of 64$/],
  ['net0', 'name=eth0,type=phys', /net0\.type: value 'phys' does not have a value in the enumeration 'veth'$/],
  ['hostname', 'under_score', /^hostname: invalid format - value does not look like a valid DNS name$/],
  ['hostname', '-a', /DNS name/],
  ['memory', 'much', /^memory: type check \('integer'\) failed - got 'much'$/],
  ['cores', '0', /minimum value of 1$/],
  ['onboot', 'maybe', /type check \('boolean'\) failed - got 'maybe'$/],
  ['features', 'nest=1', /invalid key in comma-separated list property: nest$/],
  ['dev0', '/etc/passwd', /dev0\.path: /],
  ['dev0', '/dev/net/tun,mode=666', /dev0\.mode: /],
  ['mp0', '/srv', /mp0\.mp: property is missing and it is not optional$/],
  ['startup', 'first', /^startup: /],
];

for (const [key, value, text] of cases)
  test(`${key}: ${value} is refused, and why is said`, () => assert.match(fault(key, value), text));

test('values of the real world are taken', () => {
  for (const [key, value] of [
    ['net31', 'name=eth0,bridge=vmbr0,firewall=on,gw=10.0.0.1,hwaddr=BC:24:11:AA:BB:CC,ip=10.0.0.5/24,ip6=auto,tag=5'],
    ['dev0', '/dev/net/tun,mode=0666'],
    ['dev1', 'path=/dev/ttyUSB0,uid=1000,deny-write=1'],
    ['features', 'nesting=1,keyctl=1,mount=nfs;cifs'],
    ['startup', 'order=3,up=5,down=10'],
    ['rootfs', 'local-btrfs:8'],
    ['mp255', '/srv,mp=/srv,ro=1'],
    ['tags', 'op-dbus;b'],
    ['nameserver', '9.9.9.9 2620:fe::fe'],
  ] as const)
    assert.equal(fault(key, value), '', key);
  for (const key of ['net32', 'net01', 'lxc.net.0.type', 'attach', 'constructor']) assert.equal(ruleOf(key), null, key);
});

test('a property string is written with what is required first and the rest sorted, its booleans as digits', () => {
  const faults: Faults = {};
  assert.equal(
    check('net0', 'type=veth,ip=dhcp,firewall=on,name=eth0,bridge=b', net, faults),
    'name=eth0,bridge=b,firewall=1,ip=dhcp,type=veth',
  );
  assert.deepEqual(faults, {});
  const rule = ruleOf('rootfs') as Rule;
  assert.equal(
    printProperties(parseProperties('size=8G,volume=a:1/vm-1-disk-0.raw', rule), rule),
    'a:1/vm-1-disk-0.raw,size=8G',
  );
});
