// A container on its way into a mesh, against a host in memory: what is drift, what status and verify tell, leaving.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../core/plan.ts';
import type { Change, Resource } from '../../core/resource.ts';
import { fingerprint } from '../../core/secret.ts';
import { type FakeContainers, fakeContainers } from '../../drivers/container/fake.ts';
import { definition } from '../../drivers/container/sample.ts';
import { member } from '../../core/topology/fixture.ts';
import type { Facts, Topology } from '../../core/topology.ts';
import { fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { fakeSecrets } from '../../drivers/secret/fake.ts';
import type { Inside } from '../inside.ts';
import { mesh } from './index.ts';
import { statePath, tokenPath } from './script.ts';

const owner = { mode: 0o600, uid: 0, gid: 0 };
const [token, other] = ['first-token', 'second-token'];

function wantedOf(secret: string): readonly Resource<Inside>[] {
  const topology = { members: [member(104, 'app-server', { netmaker: true }), member(105, 'web-server', {})] };
  const facts = { netmaker: { client: '/usr/local/bin/netclient', token: fingerprint(secret) } };
  return mesh.expand(topology as unknown as Topology, facts as Facts);
}

type Bench = {
  readonly host: Host;
  readonly containers: FakeContainers;
  readonly go: (wanted: readonly Resource<Inside>[]) => Promise<readonly string[]>;
  readonly tell: (state: string, address: string, reason: string) => Promise<void>;
};

/** `shown` is what the programs inside say, by the program. */
async function bench(shown: Readonly<Record<string, string>> = {}): Promise<Bench> {
  const active = new Set<string>();
  const containers = fakeContainers((name, [program = '', verb = '', ...more]) => {
    if (program === 'systemctl' && verb === 'restart') active.add(`${name}/${more[0]}`);
    return { code: 0, stdout: shown[program] ?? '', stderr: '' };
  }, active);
  await containers.prepare('debian-12', () => {});
  await containers.create('app-server', definition(104));
  await containers.start('app-server');
  const secrets = fakeSecrets(fakeFiles());
  for (const one of [token, other]) secrets.remember(fingerprint(one), one);
  const host = { containers, secrets } as unknown as Host;
  return {
    host,
    containers,
    go: async (wanted) => {
      const changes = difference(await mesh.observe(host), wanted) as readonly Change<Inside>[];
      await mesh.apply(host, changes, () => {});
      return changes.flatMap((change) => mesh.render(change));
    },
    tell: (state, address, reason) =>
      containers.write('app-server', statePath, JSON.stringify({ state, address, reason }), owner),
  };
}

test('the token is put inside for root alone, and in no record, plan or command', async () => {
  const { containers, go } = await bench();
  const wanted = wantedOf(token);
  assert.deepEqual(
    wanted.map(({ name }) => name),
    ['app-server/netmaker-first-boot'],
  );
  assert.ok(!JSON.stringify(wanted).includes(token));
  const commands = await go(wanted);
  const files = containers.containers.get('app-server')?.files;
  assert.deepEqual(files?.get(tokenPath), { kind: 'file', content: `NETMAKER_TOKEN="${token}"\n`, options: owner });
  for (const [path, file] of files ?? [])
    if (path !== tokenPath) assert.ok(!JSON.stringify(file).includes(token), path);
  assert.ok(!JSON.stringify([commands, containers.ran]).includes(token));
  assert.deepEqual(await go(wanted), []);
});

test('a token that was removed after the join is not drift; one that is gone before it is', async () => {
  const { containers, go, tell } = await bench();
  await go(wantedOf(token));
  await tell('waiting', '', 'no answer');
  await containers.remove('app-server', tokenPath);
  assert.match((await go(wantedOf(token))).join('\n'), /tee \/etc\/netmaker\.env/);
  await tell('joined', '10.10.0.2/16', '');
  await containers.remove('app-server', tokenPath);
  assert.deepEqual(await go(wantedOf(token)), []);
});

test('what the container writes about itself is believed only in its shape', async () => {
  const { containers, go } = await bench();
  await go(wantedOf(token));
  await containers.remove('app-server', tokenPath);
  for (const text of ['', '{', '{"state":"joined","address":"10.0.0.1\\n","reason":""}', '{"state":"joined"}']) {
    await containers.write('app-server', statePath, text, owner);
    assert.notDeepEqual(difference(await mesh.observe((await hostOf(containers)) as Host), wantedOf(token)), [], text);
  }
});

async function hostOf(containers: FakeContainers): Promise<Partial<Host>> {
  const secrets = fakeSecrets(fakeFiles());
  secrets.remember(fingerprint(token), token);
  return { containers, secrets };
}

test('another token is put inside', async () => {
  const { containers, go, tell } = await bench();
  await go(wantedOf(token));
  await tell('joined', '10.10.0.2/16', '');
  await containers.remove('app-server', tokenPath);
  assert.match((await go(wantedOf(other))).join('\n'), /tee \/etc\/netmaker\.env\n.*\n.*restart netmaker-first-boot/);
});

test('who is to be in no mesh leaves it before what could leave it goes', async () => {
  const { containers, go } = await bench();
  await go(wantedOf(token));
  containers.ran.splice(0);
  assert.match((await go([])).join('\n'), /^op-dbus exec app-server -- sh .*first-boot\.sh leave\n.*systemctl disable/);
  const [first] = containers.ran.map(({ argv }) => argv.join(' '));
  assert.equal(first, 'sh /usr/local/bin/netmaker-first-boot.sh leave');
  assert.equal(await containers.read('app-server', tokenPath), null);
  assert.deepEqual(await go([]), []);
});

test('status tells what it waits for, then the address and the peers', async () => {
  const shown = {
    ip: '2: netmaker    inet 10.10.0.2/16 scope global netmaker\\       valid_lft forever preferred_lft forever',
    wg: 'PEERKEY=\t0\n',
  };
  const { host, containers, go, tell } = await bench(shown);
  const wanted = wantedOf(token);
  await go(wanted);
  const status = async () => (await mesh.status?.(host, wanted))?.[0];
  assert.equal((await status())?.waiting, 'the mesh: it has not said how far it is');
  await tell('waiting', '', 'netclient join (exit status 0): no route to host');
  assert.equal((await status())?.waiting, 'the mesh: netclient join (exit status 0): no route to host');
  await tell('joined', '10.10.0.2/16', '');
  assert.match((await status())?.waiting ?? '', /^the device netmaker: /);
  containers.devices = async () => new Set(['lo', 'netmaker']);
  assert.deepEqual(await status(), {
    hop: 'app-server',
    name: 'netmaker',
    up: true,
    waiting: null,
    facts: { active: true, present: true, joined: true },
    peers: [{ key: 'PEERKEY=', handshake: null, received: 0, sent: null }],
    address: '10.10.0.2/16',
  });
  const [check] = (await mesh.check?.(host, wanted)) ?? [];
  assert.deepEqual([check?.ok, check?.detail], [true, 'netmaker has 10.10.0.2/16']);
});
