// What is made of the answers of a bare Debian, a Proxmox host, a container, and of none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Module } from '../../drivers/machine/contract.ts';
import { examine, fails } from './examine.ts';
import { type Answer, type Facts, type LastChange, questions } from './fact.ts';
import type { Finding, Need } from './finding.ts';
import { answered, container, debian, proxmox } from './fixture.ts';

const every: ReadonlySet<Need> = new Set(['switch', 'meters', 'containers', 'veth', 'filter', 'tunnels']);
const none: ReadonlySet<Need> = new Set();

function line(findings: readonly Finding[], name: string): Finding {
  const found = findings.find((one) => one.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

function one(facts: Facts, name: string): Finding {
  return line(examine(facts, every), name);
}

function names(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ name }) => name);
}

test('a bare Debian lacks the programs, is told how to get each, and is not broken', () => {
  const findings = examine(answered(debian), every);
  assert.deepEqual(names(findings.filter(fails)), [
    ...['installed', 'running', 'meters', 'LXC', 'template', 'nftables', 'programs'],
  ]);
  assert.equal(line(findings, 'LXC').fix, 'apt-get install lxc uidmap');
  assert.equal(line(findings, 'programs').fix, 'apt-get install conntrack nftables');
  assert.equal(line(findings, 'wireguard').found, 'loadable');
  assert.deepEqual(examine(answered(debian), none).filter(fails), []);
});

test('a Proxmox host has all that any state file needs', () => {
  const findings = examine(answered(proxmox), every);
  assert.deepEqual(findings.filter(fails), []);
  assert.match(line(findings, 'Proxmox').found, /^pve-manager 8\.2\.4; containers are made by pct/);
  const bare = examine(answered(proxmox, { proxmox: { pct: null, version: '8.2.4' } }), none);
  assert.equal(line(bare, 'Proxmox').fix, 'apt-get install pve-container');
  assert.equal(line(findings, 'meters').found, 'vmbr1 can have 200000');
  assert.equal(line(findings, 'user ids').found, 'root:100000:65536');
});

test('in a container it is the machine around it that mends what the kernel lacks', () => {
  const findings = examine(answered(container), every);
  const kernel = ['openvswitch', 'wireguard', 'user ids', 'cgroups', 'ip_forward'];
  assert.deepEqual(names(findings.filter(fails)), ['openvswitch', 'wireguard', 'running', ...kernel.slice(2)]);
  for (const name of kernel) assert.match(line(findings, name).fix ?? '', /^on the host of this lxc container: /);
  assert.deepEqual(names(findings.filter(({ level }) => level === 'unknown')), ['packets taken', 'padding', 'clock']);
});

test('the containers of a file have inotify instances enough, or the number is told that is', () => {
  const of = (containers: number, limit: number | null, machine = proxmox) =>
    line(examine(answered(machine, { inotify: limit }), every, containers), 'inotify');
  assert.deepEqual([of(16, 128).level, fails(of(16, 128))], ['works', false]);
  assert.ok(fails(of(17, 128)));
  assert.match(of(17, 128).found, /^128 instances: about 16 containers, and the file has 17$/);
  assert.match(of(17, 128).fix ?? '', /^echo 'fs\.inotify\.max_user_instances = 512' > \/etc\/sysctl\.d\//);
  assert.match(of(17, 128, container).fix ?? '', /^on the host of this lxc container: /);
  assert.ok(!fails(of(17, 8192)));
  assert.equal(of(17, null).level, 'unknown');
});

test('whatever is not well comes with what mends it, and what is well with nothing', () => {
  for (const facts of [debian, proxmox, container].map((machine) => answered(machine)).concat(silent('refused')))
    for (const { name, level, found, fix } of examine(facts, every)) {
      assert.equal(fix === null, level === 'works', `${name}: ${found}`);
      assert.notEqual(found, '', name);
      assert.doesNotMatch(`${found}${fix}`, /undefined|\bnull(?!$)|NaN|\[object/, name);
    }
});

function silent(because: 'barred' | 'refused'): Facts {
  const answer: Answer<never> = { unknown: 'no', because };
  return Object.fromEntries(Object.keys(questions).map((name) => [name, answer])) as unknown as Facts;
}

test('what could not be asked is no failure', () => {
  for (const because of ['barred', 'refused'] as const)
    assert.deepEqual(examine(silent(because), every).filter(fails), []);
});

test('without WireGuard in the kernel wireguard-go does it, and without tun nothing does', () => {
  const modules = { ...debian.modules, wireguard: 'absent' } as const;
  const no = { result: 'fails', detail: 'Unknown device type.' } as const;
  const facts = answered(debian, { modules, wireguard: no });
  assert.deepEqual([one(facts, 'wireguard').level, fails(one(facts, 'wireguard'))], ['less', false]);
  const without = answered(debian, { modules, wireguard: no, tun: no });
  assert.ok(fails(one(without, 'wireguard')));
  assert.ok(!fails(line(examine(without, new Set<Need>(['switch'])), 'wireguard')), 'it has no tunnels');
});

test('netclient is well with WireGuard in the kernel, or with tun for its own', () => {
  const of = (wireguard: Module, result: 'works' | 'fails', tun: 'works' | 'fails') =>
    one(
      answered(proxmox, {
        netclient: '/usr/local/bin/netclient',
        modules: { ...proxmox.modules, wireguard },
        wireguard: { result, detail: '' },
        tun: { result: tun, detail: '' },
      }),
      'netclient',
    );
  assert.equal(of('loaded', 'fails', 'fails').level, 'works');
  assert.equal(of('absent', 'works', 'fails').level, 'works');
  assert.match(of('loadable', 'fails', 'works').fix ?? '', /^modprobe wireguard && echo wireguard/);
  assert.match(of('absent', 'fails', 'works').found, /by its own WireGuard/);
  assert.equal(of('absent', 'fails', 'fails').level, 'less');
});

test('on Proxmox the template is one of its storages', () => {
  assert.match(one(answered(proxmox), 'template').found, /storage of Proxmox/);
  assert.doesNotMatch(one(answered(debian, { template: true }), 'template').found, /Proxmox/);
});

test('a kernel that tells of no module is believed by what was tried', () => {
  const modules = {
    openvswitch: 'absent',
    wireguard: 'absent',
    nf_conntrack: 'absent',
    tun: 'absent',
    veth: 'absent',
  } as const;
  const works = { result: 'works', detail: '' } as const;
  const facts = answered(debian, { modules, tun: works, veth: works, wireguard: works, nftables: works });
  for (const name of ['wireguard', 'nf_conntrack', 'tun', 'veth']) assert.equal(one(facts, name).found, 'built in');
});

test('a kernel datapath that lost each packet it asked about is broken, and one that lost some is not', () => {
  const of = (datapath: string, missed: number, lost: number) =>
    line(examine(answered(proxmox, { upcalls: [{ datapath, missed, lost }] }), none), 'packets taken');
  assert.ok(fails(of('system@ovs-system', 7, 7)));
  assert.match(of('system@ovs-system', 7, 7).found, /lost all 7 packets .*3\.1\.0 when it starts within 10 s of boot/);
  assert.equal(of('system@ovs-system', 7, 7).fix, 'systemctl restart openvswitch-switch');
  assert.ok(!fails(of('system@ovs-system', 7, 6)));
  assert.ok(!fails(of('system@ovs-system', 0, 0)), 'nothing was asked as yet');
  assert.ok(!fails(of('netdev@ovs-netdev', 7, 7)), 'the bug is in the kernel datapath alone');
});

test('Open vSwitch 3.1.0 is named for its bug where the kernel has the datapath, and 3.1.1 is not', () => {
  const of = (switchRunning: string, modules = proxmox.modules) =>
    one(answered(proxmox, { switchRunning, switchInstalled: switchRunning, modules }), 'running');
  assert.deepEqual([of('3.1.0').level, fails(of('3.1.0'))], ['less', false]);
  assert.equal(of('3.1.1').level, 'works');
  assert.equal(of('3.1.0', { ...proxmox.modules, openvswitch: 'absent' }).level, 'works');
});

test('a switch that is older than what is installed is to be restarted', () => {
  const { level, fix } = one(answered(proxmox, { switchInstalled: '3.3.0-1' }), 'running');
  assert.deepEqual([level, fix], ['less', 'systemctl restart openvswitch-switch']);
});

test('a switch, or its database, that does not answer is broken', () => {
  const late = { unknown: 'no answer', because: 'late' } as const;
  for (const name of ['switchRunning', 'datapathTypes'])
    assert.ok(line(examine({ ...answered(proxmox), [name]: late }, none), 'running').broken, name);
});

test('meters are there by the bridge that was asked, else by the kernel', () => {
  const of = (changes: Parameters<typeof answered>[1]) => one(answered(proxmox, changes), 'meters').level;
  assert.equal(of({ meters: { bridge: 'b', limit: 0 } }), 'no');
  assert.equal(of({ meters: null, kernel: '4.17.0' }), 'no');
  assert.equal(of({ meters: null, kernel: '4.18.0' }), 'works');
  assert.equal(of({ meters: null, kernel: '4.17.0', modules: container.modules }), 'works');
});

test('an interrupted change is broken until its own command is at work again', () => {
  const began = '2026-01-02T03:04:05Z';
  const journal = { version: 1, action: 'apply a.json', began, checkpoint: [], entry: null } as const;
  const of = (change: Partial<LastChange>) =>
    line(examine(answered(debian, { change: { ...debian.change, ...change } }), none), 'last change');
  assert.ok(fails(of({ journal })));
  assert.match(of({ journal }).fix ?? '', /^op-dbus apply a\.json goes on, op-dbus rollback undoes it$/);
  assert.equal(of({ journal, held: true }).level, 'works');
  assert.ok(of({ unreadable: { message: 'no journal', hint: 'rm it' } }).broken);
  const waiting = of({ pending: { ...journal, until: '2026-01-02T03:05:05Z', over: 60, boot: 'boot 1' } });
  assert.deepEqual([waiting.level, waiting.fix, fails(waiting)], ['less', 'op-dbus confirm', false]);
});

test('a host that is still shut after its boot is told, and so is one on which nothing of ours starts', () => {
  const of = (boot: typeof debian.boot, init = 'systemd') =>
    line(examine(answered(debian, { boot, init }), none), 'boot');
  const shut = of({ shut: true, installed: true });
  assert.deepEqual([shut.level, fails(shut)], ['less', false]);
  assert.match(shut.found, /^forwarding is shut/);
  assert.match(of({ shut: true, installed: false }).fix ?? '', /^op-dbus apply/);
  assert.equal(of({ shut: false, installed: true }).level, 'works');
  assert.equal(of({ shut: false, installed: false }).fix, 'op-dbus service install');
  assert.match(of({ shut: false, installed: false }, 'runit').fix ?? '', /op-dbus daemon$/);
});

test('what others can change is broken, what others can read is told', () => {
  const of = (how: 'readable' | 'writable') =>
    one(
      answered(proxmox, { settings: { ...proxmox.settings, exposed: [{ path: '/etc/op-dbus/a', how }] } }),
      '/etc/op-dbus',
    );
  assert.deepEqual([of('writable').broken, of('readable').broken, of('readable').level], [true, false, 'less']);
});

test('containers need ids that this machine has', () => {
  const of = (changes: Partial<typeof debian.userIds>) =>
    one(answered(debian, { userIds: { ...debian.userIds, ...changes } }), 'user ids').level;
  const own = 'root:200000:65536\n';
  assert.equal(of({ map: '0 0 165536\n' }), 'works');
  assert.equal(of({ map: '0 0 165535\n' }), 'no');
  assert.equal(of({ map: '0 0 165536\n', users: own, groups: own }), 'no');
  assert.equal(of({ map: '0 0 165536\n', users: own }), 'works', 'a range in one file alone is none');
  assert.equal(of({ namespaces: 0 }), 'no');
});
