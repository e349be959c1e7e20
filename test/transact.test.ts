// Whole or not at all: a change that is killed or fails at any call leaves a host that the next command finishes or undoes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../src/core/plan.ts';
import { fingerprints } from '../src/core/secret.ts';
import type { Resource } from '../src/core/resource.ts';
import { fakeSystemd } from '../src/drivers/dbus/systemd.fake.ts';
import type { Host } from '../src/drivers/host.ts';
import type { FakeOvsdb } from '../src/drivers/ovsdb/fake.ts';
import { readJournal } from '../src/engine/journal.ts';
import { observe } from '../src/engine/observe.ts';
import { goBack } from '../src/engine/back.ts';
import { transact } from '../src/engine/transact.ts';
import { want } from '../src/engine/want.ts';
import { fakeSecrets } from '../src/drivers/secret/fake.ts';
import { OpError } from '../src/error.ts';
import { type Death, dying } from './dying.ts';
import { type FakeHost } from './fake-host.ts';
import { machine, type Name, stateOf, texts } from './machine.ts';

type To = Name | 'down';

async function wanted(host: Host, to: To): Promise<readonly Resource[]> {
  return to === 'down' ? [] : (await want(host, stateOf(to), '/golden/files')).resources;
}

async function go(host: Host, to: To, real: Host = host): Promise<void> {
  const kept = (): Promise<void> => host.files.write('/var/lib/op-dbus/applied.json', to);
  await transact(
    host,
    { action: to, wanted: await wanted(real, to), kept, entry: null, back: to !== 'down' },
    () => {},
  );
}

/** All that can be seen of a host: resources, files of ours, what is inside containers. */
async function looks(host: FakeHost): Promise<unknown> {
  const inside = Object.fromEntries(
    [...host.containers.containers].map(([name, { files, running }]) => [
      name,
      { running, files: Object.fromEntries(files) },
    ]),
  );
  // What nobody declares is seen here as well.
  const { units, settings } = host.systemd;
  const systemd = structuredClone({ units, settings });
  const found = (await observe(host)).toSorted((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1));
  return { found, inside, systemd, files: await host.files.list('/etc/systemd/system') };
}

/** What was there before op-dbus came is there again when it goes. */
async function asFound(host: FakeHost, message: string): Promise<void> {
  await go(host, 'down');
  const { units, settings } = fakeSystemd();
  assert.deepEqual({ units: host.systemd.units, settings: host.systemd.settings }, { units, settings }, message);
}

/** Dies on the way from one state to another; then `next` is what a person does. */
async function die(from: To, to: To, death: Death): Promise<{ host: FakeHost; before: unknown; over: boolean }> {
  const host = await machine();
  await go(host, from);
  const before = await looks(host);
  const mortal = dying(host, death);
  const over = await Promise.race([
    go(mortal.host, to, host).then(
      () => true,
      (error: unknown) => {
        // A reading that failed may have been taken for something that isn't there.
        assert.ok(error instanceof OpError, String(error));
        return false;
      },
    ),
    mortal.died.then(() => false),
  ]);
  // What the process remembered is gone with it.
  return { host: death.of === 'process' ? { ...host, secrets: fakeSecrets(host.files) } : host, before, over };
}

/** Every so many of the calls of a change, so that the whole takes seconds; all of them with STEP=1 (`npm run test:steps`). */
async function points(from: To, to: To, step = Number(process.env['STEP'] ?? 97)): Promise<readonly number[]> {
  const count = await calls(from, to);
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => index * step);
}

async function calls(from: To, to: To): Promise<number> {
  const host = await machine();
  await go(host, from);
  const counted = dying(host, null);
  await go(counted.host, to, host);
  const count = counted.calls();
  assert.ok(count > 30, `${count}`);
  return count;
}

const ways: readonly (readonly [To, To])[] = [
  ['none', 'client'],
  ['client', 'vps'],
  ['vps', 'client with a plain container'],
  ['client', 'client with another id'],
  ['client', 'down'],
  ['none', 'agent'],
  ['agent', 'agent with other units'],
  ['agent', 'down'],
];

for (const [from, to] of ways) {
  test(`from ${from} to ${to}: killed anywhere, the same command again finishes it, and nothing is left`, async () => {
    for (const at of await points(from, to))
      for (const when of ['before', 'after'] as const) {
        const { host } = await die(from, to, { at, when, of: 'process' });
        await go(host, to);
        assert.deepEqual(difference(await observe(host), await wanted(host, to)), [], `${at} ${when}`);
        assert.equal(await readJournal(host), null, `${at} ${when}`);
        assert.deepEqual([...host.containers.aside.keys()], [], `${at} ${when}`);
        const used = fingerprints(JSON.stringify(await wanted(host, to)));
        const secrets = await host.files.list('/var/lib/op-dbus/secret');
        assert.deepEqual(
          secrets.filter((one) => !used.includes(one)),
          [],
          `${at} ${when}`,
        );
        await asFound(host, `${at} ${when}`);
      }
  });

  test(`from ${from} to ${to}: killed anywhere, rollback brings back what was there, files inside containers too`, async () => {
    for (const at of await points(from, to))
      for (const when of ['before', 'after'] as const) {
        const { host, before, over } = await die(from, to, { at, when, of: 'process' });
        const journal = await readJournal(host);
        if (journal !== null) await goBack(host, journal, () => {});
        assert.equal(await readJournal(host), null);
        // Without a journal nothing has begun, or all was done but for the tidying.
        if (journal !== null) assert.deepEqual(await looks(host), before, `${at} ${when}`);
        else if (difference(await observe(host), await wanted(host, to)).length > 0)
          assert.deepEqual(await looks(host), before, `${at} ${when} ${over}`);
        await asFound(host, `${at} ${when}`);
      }
  });

  if (to !== 'down')
    test(`from ${from} to ${to}: whatever call fails, the host is again as it was, by itself`, async () => {
      for (const at of await points(from, to)) {
        const { host, before, over } = await die(from, to, { at, when: 'before', of: 'call' });
        if (over) continue;
        const done = difference(await observe(host), await wanted(host, to)).length === 0;
        if (!done) assert.deepEqual(await looks(host), before, `${at}`);
      }
    });
}

test('a way back that fails too is told with both errors, and the journal stays for the next command', async () => {
  const host = await machine();
  await go(host, 'none');
  const before = await looks(host);
  let deaf = false;
  const containers = {
    ...host.containers,
    start: () => {
      deaf = true;
      return Promise.reject(new OpError('host', 'it does not start'));
    },
    destroy: (name: string) => (deaf ? Promise.reject(new OpError('host', 'nor goes')) : host.containers.destroy(name)),
  };
  const broken = { ...host, containers } as unknown as Host;
  await assert.rejects(go(broken, 'client', host), (error: unknown) => {
    assert.ok(error instanceof AggregateError);
    assert.match((error.errors[0] as Error).message, /does not start/);
    assert.match((error.errors[1] as Error).message, /going back to what was there: .*nor goes/);
    assert.match((error.errors[1] as OpError).hint ?? '', /op-dbus rollback/);
    return true;
  });
  const journal = await readJournal(host);
  assert.equal(journal?.action, 'client');
  await goBack(host, journal, () => {});
  assert.deepEqual(await looks(host), before);
});

test('a refusal before the first change writes no journal and changes nothing', async () => {
  const host = await machine();
  host.containers.foreign.add('xray-client');
  await assert.rejects(go(host, 'client'), { code: 'foreign' });
  assert.equal(await readJournal(host), null);
  assert.deepEqual(await observe(host), []);
});

/** What befalls a host while nobody looks. */
const accidents: Readonly<Record<string, (host: FakeHost) => unknown>> = {
  "the host's filter was flushed": ({ nft }) => nft.remove('op_dbus'),
  "a container's filter was flushed": ({ containers }) => containers.live.get('warp-tunnel')?.remove('op_dbus'),
  'a container lost its device': ({ containers }) => containers.detached.add('warp-tunnel'),
  'a container was stopped by hand': ({ containers }) => containers.stop('wireguard-gateway'),
  'the bridge was opened': async ({ ovsdb }) => {
    const [bridge] = await ovsdb.bridges();
    assert.ok(bridge);
    (ovsdb as FakeOvsdb).plant({ ...bridge, failMode: 'standalone' });
  },
};

for (const [what, accident] of Object.entries(accidents))
  for (const to of ['client with another peer', 'vps', 'down'] as const)
    test(`${what} before a change to ${to} that was killed: rollback succeeds, and wishes no accident back`, async () => {
      const host = await machine();
      await go(host, 'client');
      await accident(host);
      const counted = dying(host, null);
      const at = Math.floor((await calls('client', to)) * 0.8);
      const mortal = dying(counted.host, { at, when: 'after', of: 'process' });
      await Promise.race([go(mortal.host, to, host), mortal.died]);
      const later = { ...host, secrets: fakeSecrets(host.files) };
      const journal = await readJournal(later);
      assert.ok(journal);
      await goBack(later, journal, () => {});
      assert.equal(await readJournal(later), null);
      const [bridge] = await host.ovsdb.bridges();
      assert.deepEqual([bridge?.datapathType, bridge?.failMode], ['netdev', 'secure']);
    });

test('a container that an interrupted change put aside comes back for another state, whatever it had inside', async () => {
  const plain = (id: number, name: string) => ({ id, name, network: { veth: true, ipv4: `10.0.0.${id}/24` } });
  const file = JSON.parse(texts.none) as { plugins: { lxc: { containers: object[] } } };
  file.plugins.lxc.containers.push(plain(101, 'warp-tunnel'));
  const interrupted = async (at: number): Promise<FakeHost | null> => {
    const host = await machine();
    await go(host, 'client');
    const mortal = dying(host, { at, when: 'after', of: 'process' });
    await Promise.race([go(mortal.host, 'down', host), mortal.died]);
    return host.containers.aside.has('warp-tunnel') && (await readJournal(host)) !== null ? host : null;
  };
  let host: FakeHost | null = null;
  for (const at of await points('client', 'down', 10)) host ??= await interrupted(at);
  assert.ok(host);
  const less = (await want(host, stateOf({ text: JSON.stringify(file) }), '/golden/files')).resources;
  await transact(host, { action: 'less', wanted: less, kept: async () => {}, entry: null, back: true }, () => {});
  assert.deepEqual(difference(await observe(host), less), []);
});

test('a journal that is none is named, with the way out', async () => {
  for (const text of ['{"version":1,"acti', 'null', '{"version":2,"checkpoint":[]}']) {
    const host = await machine();
    await host.files.write('/var/lib/op-dbus/journal.json', text);
    await assert.rejects(go(host, 'client'), { code: 'host', at: '/var/lib/op-dbus/journal.json' });
    assert.deepEqual(await observe(host), []);
  }
});
