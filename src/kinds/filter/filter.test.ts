// Filters against a host in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '../../core/resource.ts';
import { type FakeFiles, fakeFiles } from '../../drivers/files/fake.ts';
import type { Host } from '../../drivers/host.ts';
import { type FakeNft, fakeNft } from '../../drivers/nft/fake.ts';
import { type FakeNet, fakeNet } from '../../drivers/net/fake.ts';
import { client } from '../../core/topology/fixture.ts';
import { facts } from './fixture.ts';
import { filter } from './index.ts';
import { bootPath } from './observe.ts';
import type { Spec } from './schema.ts';

type Fake = {
  readonly host: Host;
  readonly files: FakeFiles;
  readonly nft: FakeNft;
  readonly net: FakeNet;
  readonly inside: (name: string) => FakeNft;
  /** What was done, in order. */
  readonly log: readonly string[];
};

/** A host with the drivers that this kind uses, which tells the order of what is done to it. */
function fake(): Fake {
  const log: string[] = [];
  const inner = new Map<string, FakeNft>();
  const watched = (name: string): FakeNft => {
    const nft = fakeNft();
    return {
      ...nft,
      replace: async (table, text) => {
        log.push(`load ${name}`);
        await nft.replace(table, text);
      },
      remove: async (table) => {
        log.push(`remove ${name}`);
        await nft.remove(table);
      },
    };
  };
  const inside = (name: string): FakeNft => {
    const nft = inner.get(name) ?? watched(name);
    inner.set(name, nft);
    return nft;
  };
  const files = fakeFiles();
  const nft = watched('host');
  const filters = async (): Promise<readonly string[]> =>
    [...inner].flatMap(([name, { tables }]) => (tables.size > 0 ? [name] : []));
  const net = fakeNet();
  const host = { files, nft, net, containers: { filter: inside, filters } } as unknown as Host;
  return { host, files, nft, net, inside, log };
}

const wanted = filter.expand(client, facts);
const create: readonly Change<Spec>[] = wanted.map(({ kind, name, spec }) => ({
  kind,
  name,
  before: null,
  after: spec,
}));
const remove: readonly Change<Spec>[] = wanted.map(({ kind, name, spec }) => ({
  kind,
  name,
  before: spec,
  after: null,
}));
const silent = (): void => {};

test('the host is shut before any container is, and opened after all of them', async () => {
  const { host, log } = fake();
  await filter.apply(host, create.toReversed(), silent);
  assert.equal(log[0], 'load host');
  await filter.apply(host, remove, silent);
  assert.equal(log.at(-1), 'remove host');
});

test("the host's table is kept for the boot as a batch that may be loaded again", async () => {
  const { host, files, nft } = fake();
  await filter.apply(host, create, silent);
  assert.equal(
    await files.read(bootPath),
    `# Written by op-dbus: the host's packet filter, loaded at boot before any container starts.\ntable inet op_dbus\ndelete table inet op_dbus\n${nft.tables.get('op_dbus')}\n`,
  );
  assert.equal(files.entries.get(bootPath)?.mode, 0o600);
});

test('what is there is observed word for word, and after removal nothing is left', async () => {
  const { host, files } = fake();
  await filter.apply(host, create, silent);
  assert.deepEqual(await filter.observe(host), wanted);
  await filter.apply(host, remove, silent);
  assert.deepEqual(await filter.observe(host), []);
  assert.deepEqual([...files.entries.keys()], []);
});

test('a flushed table, a lost boot file and a changed one each show as a difference', async () => {
  const seen = async (accident: (host: Fake) => void): Promise<string | undefined> => {
    const it = fake();
    await filter.apply(it.host, create, silent);
    accident(it);
    return (await filter.observe(it.host)).find(({ name }) => name === 'host')?.spec.text;
  };
  assert.equal(await seen(({ nft }) => nft.tables.clear()), '');
  assert.equal(await seen(({ files }) => files.entries.clear()), '');
  assert.equal(await seen(({ files }) => files.entries.set(bootPath, { content: '', mode: 0o600 })), '');
});

test('a rule that somebody added inside a container shows as a difference', async () => {
  const { host, inside } = fake();
  await filter.apply(host, create, silent);
  const text = inside('xray-client').tables.get('op_dbus') ?? '';
  inside('xray-client').tables.set('op_dbus', text.replace('\t}\n}', '\t\taccept\n\t}\n}'));
  const seen = (await filter.observe(host)).find(({ name }) => name === 'xray-client');
  assert.match(seen?.spec.text ?? '', /\t\taccept\n\t\}\n\}$/);
});

test('undoing the repair of a flushed table does not open the host again', async () => {
  const { host, nft } = fake();
  const [own] = create;
  assert.ok(own?.after);
  await filter.apply(host, [{ ...own, before: { text: '' } }], silent);
  await filter.apply(host, [{ ...own, before: own.after, after: { text: '' } }], silent);
  assert.equal(nft.tables.get('op_dbus'), own.after.text);
});

test('a text that is refused changes neither the table nor the boot file', async () => {
  const { host, files, nft } = fake();
  await filter.apply(host, create, silent);
  const [table, file] = [nft.tables.get('op_dbus'), await files.read(bootPath)];
  const broken = { kind: 'filter', name: 'host', before: null, after: { text: 'table inet op_dbus {' } };
  await assert.rejects(filter.apply(host, [broken], silent), { code: 'check', message: /^host: / });
  assert.equal(nft.tables.get('op_dbus'), table);
  assert.equal(await files.read(bootPath), file);
});

test('an interrupted removal is seen, so that the next one finishes it', async () => {
  const { host, files } = fake();
  await filter.apply(host, create, silent);
  const broken = { ...host, files: { ...files, remove: () => Promise.reject(new Error('power failure')) } };
  await assert.rejects(filter.apply(broken, remove, silent));
  assert.deepEqual(await filter.observe(host), [{ kind: 'filter', name: 'host', spec: { text: '' } }]);
  await filter.apply(host, remove, silent);
  assert.deepEqual(await filter.observe(host), []);
});

test('verify says which table is missing or where it differs', async () => {
  const { host, nft, inside } = fake();
  await filter.apply(host, create, silent);
  const say = async () => (await filter.check?.(host, wanted))?.map(({ ok, detail }) => `${ok} ${detail}`) ?? [];
  assert.deepEqual(await say(), ['true 27 rules', 'true 20 rules', 'true 19 rules', 'true 13 rules']);
  nft.tables.clear();
  const text = inside('warp-tunnel').tables.get('op_dbus') ?? '';
  inside('warp-tunnel').tables.set('op_dbus', text.replace('policy drop', 'policy accept'));
  const [host1, , warp] = await say();
  assert.equal(host1, 'false no table inet op_dbus: everything passes');
  assert.equal(warp, 'false differs at: type filter hook input priority filter; policy accept;');
});

test('connections to a port begin anew when it leads elsewhere or is shut, and only then', async () => {
  const { host, net } = fake();
  await filter.apply(host, create, silent);
  assert.deepEqual(net.forgotten, ['udp 51820']);
  const [before] = create.flatMap(({ name, after }) => (name === 'host' && after !== null ? [after] : []));
  assert.ok(before);
  const to = (change: (text: string) => string): readonly Change<Spec>[] => [
    { kind: 'filter', name: 'host', before, after: { text: change(before.text) } },
  ];
  await filter.apply(
    host,
    to((text) => text.replace('tcp dport 443 masquerade', 'masquerade')),
    silent,
  );
  assert.deepEqual(net.forgotten, ['udp 51820']);
  await filter.apply(
    host,
    to((text) => text.replace('dnat ip to 10.0.0.100', 'dnat ip to 10.0.0.120')),
    silent,
  );
  await filter.apply(host, remove, silent);
  assert.deepEqual(net.forgotten, ['udp 51820', 'udp 51820', 'udp 51820']);
});

test('the commands of a change are those of nft', () => {
  assert.deepEqual(create.slice(0, 2).flatMap(filter.render), [
    'nft -f /var/lib/op-dbus/filter/host.nft',
    'tee /var/lib/op-dbus/container/wireguard-gateway/filter.nft',
  ]);
  const changed = create.slice(1, 2).map((change) => ({ ...change, before: { text: 'table inet op_dbus {\n}' } }));
  assert.deepEqual(changed.flatMap(filter.render), [
    "nsenter --net=/proc/$(cut -d ' ' -f 1 /var/lib/op-dbus/container/wireguard-gateway/pid)/ns/net nft -f /var/lib/op-dbus/container/wireguard-gateway/filter.nft",
  ]);
  assert.deepEqual(remove.slice(0, 2).flatMap(filter.render), [
    'nft delete table inet op_dbus',
    'rm /var/lib/op-dbus/filter/host.nft',
    'rm /var/lib/op-dbus/container/wireguard-gateway/filter.nft',
  ]);
});
