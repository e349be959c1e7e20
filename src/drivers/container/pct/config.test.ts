// Proxmox's configuration: what is read of it, and what is put into it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { definition } from '../sample.ts';
import { bindLines, nets, parseConf, rootId, sameNet, wantedNets, withRaw } from './config.ts';

const text = `#Made by hand%3A see the wiki
#second line
arch: amd64
cores: 2
hostname: app-server
net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth
net1: name=eth1,bridge=vmbr1,type=veth
unprivileged: 1
lxc.mount.entry: /srv srv none bind 0 0
lxc.prlimit.nofile = 1024

[pve:pending]
delete: net1
memory: 1024

[before-upgrade]
hostname: other
net0: name=eth0,bridge=vmbr9,type=veth
`;

test('only the main section is read: neither what is pending nor snapshots', () => {
  const conf = parseConf(text);
  assert.equal(conf.notes, 'Made by hand%3A see the wiki\nsecond line');
  assert.equal(conf.keys['hostname'], 'app-server');
  assert.equal(conf.keys['memory'], undefined);
  assert.deepEqual(Object.keys(nets(conf)), ['net0', 'net1']);
  assert.deepEqual(conf.raw, [
    ['lxc.mount.entry', '/srv srv none bind 0 0'],
    ['lxc.prlimit.nofile', '1024'],
  ]);
});

test("the root's id follows from the map, else from unprivileged, else it is the machine's root", () => {
  assert.equal(rootId(parseConf(text)), 100_000);
  assert.equal(rootId(parseConf('hostname: a\n')), 0);
  assert.equal(rootId(parseConf('unprivileged: 1\nlxc.idmap: u 0 200000 65536\n')), 200_000);
});

test('a veth is one link with our address and MAC and without a firewall; the port of the switch is none', () => {
  const veth = definition(105, { mode: 'veth' });
  assert.deepEqual(wantedNets(veth), {
    net0: 'name=eth0,bridge=ovsbr0,firewall=0,gw=10.0.0.1,hwaddr=02:0A:00:01:00:69,ip=10.0.0.105/24',
  });
  assert.deepEqual(wantedNets(definition(100)), {});
});

test('links are the same in any order, whatever is written out that is the default', () => {
  const [net = ''] = Object.values(wantedNets(definition(105, { mode: 'veth' })));
  const parts = [
    ...net
      .toLowerCase()
      .split(',')
      .filter((part) => part !== 'firewall=0'),
    'type=veth',
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (order) => sameNet(net, order.join(','))),
  );
  assert.ok(!sameNet(net, net.replace('firewall=0', 'firewall=1')));
  assert.ok(!sameNet(net, `${net},tag=5`));
  assert.ok(!sameNet(undefined, net));
});

test("LXC's lines go to the end of the main section, never into a snapshot, and can be taken out again", () => {
  const lines = bindLines(definition(100, { binds: { '/usr/local/bin/x y': '/opt/x y' } }));
  assert.deepEqual(lines, ['lxc.mount.entry: /opt/x\\040y usr/local/bin/x\\040y none bind,ro,create=file 0 0']);
  const put = withRaw(text, [], lines);
  assert.deepEqual(parseConf(put).raw.at(-1), ['lxc.mount.entry', lines[0]?.slice('lxc.mount.entry: '.length)]);
  assert.equal(put.slice(put.indexOf('[pve:pending]')), text.slice(text.indexOf('[pve:pending]')));
  assert.equal(withRaw(put, lines, []), text);
  assert.equal(withRaw('hostname: a\n', [], lines), `hostname: a\n${lines[0]}\n`);
});

test('what is put in and taken out leaves any configuration as it was', () => {
  const line = fc.constantFrom('hostname: a', 'lxc.x.y: 1', '#note', 'net0: name=eth0');
  const section = fc.constantFrom('', '\n[pve:pending]\ndelete: net0', '\n[snap]\nhostname: b\n\n[pve:pending]\nm: 1');
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), section, (main, rest) => {
      const before = `${main.join('\n')}\n${rest === '' ? '' : `${rest}\n`}`;
      assert.equal(withRaw(withRaw(before, [], ['lxc.ours: 1']), ['lxc.ours: 1'], []), before);
    }),
  );
});
