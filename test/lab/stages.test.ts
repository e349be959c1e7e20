// kill -9 at each stage of making, changing and removing each profile, on real hosts: the next command finishes it or undoes
// it, and the host is as after or as before.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { HostName } from '../../src/lab/topology.ts';
import { inHost, labDown, labUp, okIn as ok } from './cli.ts';
import { looks } from './looks.ts';

before(labUp);
after(labDown);

const journal = '/var/lib/op-dbus/journal.json';

/** What a stage's first line begins with, in the order in which stages run. */
const stages = ['nft', 'ip', 'echo', 'ovs-vsctl', 'ovs-ofctl', 'lxc', 'op-dbus exec'];

/** Kills the command and all that it has started once it says that it begins the stage; says whether it was at work. */
async function killed(host: HostName, stage: string, pause: number, ...argv: string[]): Promise<boolean> {
  const script = `setsid "$@" >/tmp/killed.txt 2>&1 & one=$!
    while kill -0 $one 2>/dev/null; do grep -q '^+ ${stage}' /tmp/killed.txt && break; done
    sleep ${pause}; kill -9 -- -$one 2>/dev/null; wait $one 2>/dev/null; [ ! -e ${journal} ] || echo begun`;
  return (await ok(host, 'bash', '-c', script, 'bash', ...argv)) === 'begun';
}

type Profile = { readonly name: string; readonly host: HostName; readonly file: string };

const none = JSON.stringify({
  lxc: { container_profile: 'none', containers: [] },
  openflow: { obfuscation_level: 1, bridges: [{ name: 'ovsbr0', flows: [], socket_ports: [] }] },
});

const profiles: readonly Profile[] = [
  { name: 'none', host: 'home', file: '/etc/op-dbus/none.json' },
  { name: 'privacy-client', host: 'home', file: '/etc/op-dbus/state.json' },
  { name: 'privacy-vps', host: 'vps', file: '/etc/op-dbus/state.json' },
];

for (const { name, host, file } of profiles)
  test(`${name}: killed at each stage, it is finished by the same command, or undone by rollback`, async (t) => {
    if (name === 'none') await inHost(host, ['dd', `of=${file}`, 'status=none'], none);
    const state = JSON.parse(await ok(host, 'cat', file)) as Record<string, any>;
    const plugins = state['plugins'] ?? state;
    plugins.lxc.containers.push({ id: 105, name: 'web', network: { veth: true, ipv4: '10.0.0.105/24' } });
    plugins.openflow.obfuscation_level = 0;
    const other = '/etc/op-dbus/other.json';
    await inHost(host, ['dd', `of=${other}`, 'status=none'], JSON.stringify(state));
    const apply = (path: string): readonly string[] => ['op-dbus', 'apply', path];
    const down = ['op-dbus', 'down'];
    await ok(host, ...down);
    const ways: readonly (readonly [string, readonly string[], readonly string[]])[] = [
      ['made', down, apply(file)],
      ['changed', apply(file), apply(other)],
      ['removed', apply(file), down],
    ];
    let [finished, undone] = [0, 0];
    for (const [way, from, to] of ways) {
      await ok(host, ...to);
      const done = await looks(host);
      await ok(host, ...from);
      const was = await looks(host);
      for (const [index, stage] of stages.entries()) {
        const begun = await killed(host, stage, (index % 3) * 0.1, ...to);
        const where = `${way}, ${stage}`;
        if (begun && index % 2 === 0) {
          const said = await ok(host, 'op-dbus', 'rollback');
          assert.match(said, /^Undone: /m, where);
          assert.deepEqual(await looks(host), was, where);
          undone += 1;
        } else {
          const { code, stderr } = await inHost(host, [...to]);
          assert.equal(code, 0, `${where}: ${stderr}`);
          if (begun) assert.match(stderr, /was interrupted; this has gone on/, where);
          assert.deepEqual(await looks(host), done, where);
          finished += begun ? 1 : 0;
          await ok(host, ...from);
          assert.deepEqual(await looks(host), was, where);
        }
      }
    }
    t.diagnostic(`${finished} finished, ${undone} undone`);
    assert.ok(finished >= 1 && undone >= 1);
    await ok(host, ...down);
    assert.equal((await inHost(host, ['test', '-e', '/var/lib/op-dbus'])).code, 1);
  });
