// What every Containers does, real or fake.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { keepsWatch } from '../watch.suite.ts';
import { nftSuite } from '../nft/suite.ts';
import type { Containers, Definition } from './contract.ts';
import { definition } from './sample.ts';

export type Bench = {
  readonly containers: Containers;
  /** Makes the switch's port that the definition names; the container is then able to start. */
  readonly port: (definition: Definition) => Promise<void>;
  /** Makes a container that isn't ours, of another id than those here. */
  readonly plant: (name: string) => Promise<void>;
  /** Makes the port of a running container anew, so that its device is not inside any more. */
  readonly detach: (name: string) => Promise<void>;
  /** Starts or stops a unit in a running container. */
  readonly unit: (name: string, unit: string, on: boolean) => Promise<void>;
  /** Leaves what there is when the creation of a container is killed shortly before its end. */
  readonly interrupt: (name: string) => Promise<void>;
  /** What is there of containers that aren't listed, and of what all share, by whatever name. */
  readonly leftover: () => Promise<readonly string[]>;
  /** Takes all containers, filters and ports away again. */
  readonly clear: () => Promise<void>;
};

const root = { mode: 0o644, uid: 0, gid: 0 } as const;

/**
 * `make` gives a bench with the template prepared and no containers. Its `exec` has at least `cat`, `false` and
 * `printenv NAME`.
 */
export function containerSuite(title: string, make: () => Promise<Bench>): void {
  const check = (promise: string, body: (bench: Bench, context: TestContext) => Promise<void>): void =>
    void test(`${title}: ${promise}`, async (context) => {
      const bench = await make();
      try {
        await body(bench, context);
      } finally {
        await bench.clear();
      }
    });

  const one = definition(100);

  check('a template that was prepared is known to be, and one without a recipe is none', async ({ containers }) => {
    assert.equal(await containers.prepared('debian-12'), true);
    await assert.rejects(containers.prepared('no-such'), { code: 'state', message: /no-such/ });
  });

  check(
    'a created container is listed, stopped, with its definition, and one that is destroyed is not',
    async (bench) => {
      const { containers } = bench;
      assert.deepEqual(await containers.list(), []);
      await containers.create('one', one);
      await containers.create('another', definition(101, { order: 2, autostart: false }));
      assert.deepEqual(await containers.list(), [
        {
          name: 'another',
          running: false,
          attached: true,
          definition: definition(101, { order: 2, autostart: false }),
        },
        { name: 'one', running: false, attached: true, definition: one },
      ]);
      await containers.destroy('another');
      assert.deepEqual(
        (await containers.list()).map(({ name }) => name),
        ['one'],
      );
      await containers.destroy('another');
    },
  );

  check(
    'a container that was destroyed comes back as it was inside, until somebody tidies up',
    async ({ containers }) => {
      const root = { mode: 0o600, uid: 0, gid: 0 };
      await containers.create('one', one);
      await containers.write('one', '/srv/kept', 'inside', root);
      await containers.destroy('one');
      assert.deepEqual(await containers.list(), []);
      assert.equal(await containers.isForeign('one', one.id), false);
      const other = { ...one, autostart: !one.autostart };
      await containers.create('one', other);
      assert.deepEqual((await containers.list())[0]?.definition, other);
      assert.equal(await containers.read('one', '/srv/kept'), 'inside');
      await containers.destroy('one');
      await containers.tidy();
      await containers.create('one', one);
      assert.equal(await containers.read('one', '/srv/kept'), null);
    },
  );

  check('a foreign container is never listed, taken, changed, started or destroyed', async ({ containers, plant }) => {
    await plant('theirs');
    assert.deepEqual(await containers.list(), []);
    const foreign = { code: 'foreign', message: /theirs exists and is not op-dbus's/ };
    assert.equal(await containers.isForeign('theirs', 998), true);
    assert.equal(await containers.isForeign('nobody', 998), false);
    await assert.rejects(containers.create('theirs', one), foreign);
    await assert.rejects(containers.configure('theirs', one), foreign);
    await assert.rejects(containers.start('theirs'), foreign);
    await assert.rejects(containers.destroy('theirs'), foreign);
    await assert.rejects(containers.write('theirs', '/etc/x', '', root), foreign);
    await assert.rejects(containers.read('theirs', '/etc/x'), foreign);
  });

  check('an unknown template is refused by name', async ({ containers }) => {
    const unknown = { code: 'state', message: /^template no-such: expected debian-12/ };
    await assert.rejects(
      containers.prepare('no-such', () => {}),
      unknown,
    );
  });

  check('preparing again says nothing', async ({ containers }) => {
    const said: string[] = [];
    await containers.prepare('debian-12', (line) => said.push(line));
    assert.deepEqual(said, []);
  });

  check(
    'configure replaces the definition and what of it is in the root, and refuses another template',
    async (bench) => {
      const { containers } = bench;
      await containers.create('one', one);
      assert.equal(await containers.read('one', '/etc/resolv.conf'), 'nameserver 192.0.2.53\n');
      assert.equal(await containers.read('one', '/etc/hostname'), 'one\n');
      const other = definition(100, { address: '10.0.0.110/24', nameservers: ['192.0.2.1', '192.0.2.2'] });
      await containers.configure('one', other);
      assert.deepEqual(await containers.list(), [{ name: 'one', running: false, attached: true, definition: other }]);
      assert.equal(await containers.read('one', '/etc/resolv.conf'), 'nameserver 192.0.2.1\nnameserver 192.0.2.2\n');
      await assert.rejects(containers.configure('one', definition(100, { template: 'x' })), { code: 'host' });
      await assert.rejects(containers.configure('none', one), { code: 'host', message: /there is none/ });
    },
  );

  check(
    'making a container that is there already gives it the definition and keeps its files',
    async ({ containers }) => {
      await containers.create('one', one);
      await containers.write('one', '/etc/kept', 'x', root);
      await containers.create('one', definition(100, { order: 3 }));
      assert.equal((await containers.list())[0]?.definition.order, 3);
      assert.equal(await containers.read('one', '/etc/kept'), 'x');
    },
  );

  check(
    'a started container runs programs with input, environment and status; a stopped one does not',
    async (bench) => {
      const { containers } = bench;
      await bench.port(one);
      await containers.create('one', one);
      await assert.rejects(containers.exec('one', ['cat']), { code: 'host', message: /not running/ });
      await containers.start('one');
      await containers.start('one');
      assert.equal((await containers.list())[0]?.running, true);
      assert.deepEqual(await containers.exec('one', ['cat'], { stdin: 'a\nb' }), {
        code: 0,
        stdout: 'a\nb',
        stderr: '',
      });
      assert.equal((await containers.exec('one', ['false'])).code, 1);
      const env = { SAID: 'so' };
      assert.equal((await containers.exec('one', ['printenv', 'SAID'], { env })).stdout, 'so');
      await assert.rejects(containers.destroy('one'), { code: 'host', message: /is running/ });
      await containers.stop('one');
      await containers.stop('one');
      assert.equal((await containers.list())[0]?.running, false);
      await assert.rejects(containers.exec('one', ['cat']), { code: 'host' });
      await assert.rejects(containers.start('none'), { code: 'host', message: /there is none/ });
    },
  );

  check(
    'a running container whose port was made anew is not attached, until it is reattached or started again',
    async (bench) => {
      const { containers } = bench;
      await bench.port(one);
      await containers.create('one', one);
      const attached = async (): Promise<boolean | undefined> => (await containers.list())[0]?.attached;
      await containers.start('one');
      assert.equal(await attached(), true);
      await bench.detach('one');
      assert.equal(await attached(), false);
      await containers.reattach('one');
      assert.equal(await attached(), true);
      await bench.detach('one');
      assert.equal(await attached(), false);
      await containers.stop('one');
      assert.equal(await attached(), true);
      await assert.rejects(containers.reattach('one'), { code: 'host' });
      await containers.start('one');
      assert.equal(await attached(), true);
    },
  );

  check('units that run are told from those that do not, and in a stopped container none runs', async (bench) => {
    const { containers } = bench;
    await bench.port(one);
    await containers.create('one', one);
    const active = async (): Promise<readonly string[]> => [
      ...(await containers.activeUnits('one', ['a', 'b@x', 'c'])),
    ];
    assert.deepEqual(await active(), []);
    await containers.start('one');
    assert.deepEqual(await active(), []);
    for (const unit of ['a', 'b@x']) await bench.unit('one', unit, true);
    assert.deepEqual(await active(), ['a', 'b@x']);
    await bench.unit('one', 'a', false);
    assert.deepEqual(await active(), ['b@x']);
    await containers.stop('one');
    assert.deepEqual(await active(), []);
    await assert.rejects(containers.activeUnits('none', ['a']), { code: 'host', message: /there is none/ });
  });

  check('a running container has its loopback and its own device, a stopped one none', async (bench) => {
    const { containers } = bench;
    await bench.port(one);
    await containers.create('one', one);
    assert.deepEqual(await containers.devices('one'), new Set());
    await containers.start('one');
    const devices = await containers.devices('one');
    assert.ok(devices.has('lo') && devices.has('internal_100'), [...devices].join(' '));
    assert.ok(!devices.has('wg0'));
    const traffic = await containers.traffic('one');
    assert.deepEqual([...traffic.keys()].toSorted(), [...devices].toSorted());
    assert.ok([...traffic.values()].every(({ received, sent }) => received >= 0 && sent >= 0));
    await containers.stop('one');
    assert.deepEqual(await containers.devices('one'), new Set());
    assert.deepEqual(await containers.traffic('one'), new Map());
    await assert.rejects(containers.devices('none'), { code: 'host', message: /there is none/ });
  });

  check(
    'a watch tells of containers that come and go, start and stop, and of the units it is asked about',
    async (bench) => {
      const { containers } = bench;
      await containers.tidy();
      await bench.port(one);
      await keepsWatch((changed) => containers.watch({ one: ['a', 'b@x'] }, changed), {
        'a container is made': () => containers.create('one', one),
        'its definition changes': () => containers.configure('one', { ...one, order: 7 }),
        'it starts': () => containers.start('one'),
        'a unit starts': () => bench.unit('one', 'a', true),
        'an instance starts': () => bench.unit('one', 'b@x', true),
        'an instance ends': () => bench.unit('one', 'b@x', false),
        'a unit ends': () => bench.unit('one', 'a', false),
        'it stops': () => containers.stop('one'),
        'it starts again': () => containers.start('one'),
        'a unit of what was started again starts': () => bench.unit('one', 'a', true),
        'it stops again': () => containers.stop('one'),
        'it is removed': () => containers.destroy('one'),
      });
    },
  );

  check('what an interrupted creation left is not listed, not in the way, and tidied up', async (bench) => {
    const { containers } = bench;
    await containers.tidy();
    await bench.interrupt('one');
    assert.notDeepEqual(await bench.leftover(), []);
    assert.deepEqual(await containers.list(), []);
    assert.equal(await containers.isForeign('one', one.id), false);
    await containers.tidy();
    assert.deepEqual(await bench.leftover(), []);
    await bench.interrupt('one');
    await containers.create('one', one);
    await containers.tidy();
    assert.deepEqual(await bench.leftover(), []);
  });

  check('tidying up leaves containers, filters and foreign ones alone', async (bench) => {
    const { containers } = bench;
    await bench.plant('theirs');
    await bench.port(one);
    await containers.filter('none').replace('guard', table('accept'));
    await containers.create('one', one);
    const before = await containers.list();
    await bench.interrupt('two');
    await containers.tidy();
    assert.deepEqual(await bench.leftover(), []);
    assert.deepEqual(await containers.list(), before);
    assert.equal(await containers.isForeign('theirs', 998), true);
    await containers.start('one');
    assert.equal(await containers.read('one', '/etc/hostname'), 'one\n');
    assert.equal(await containers.filter('none').table('guard'), table('accept'));
    await containers.filter('none').remove('guard');
  });

  check('files can be written, read, linked and removed, stopped, running and stopped again', async (bench) => {
    const { containers } = bench;
    await bench.port(one);
    await containers.create('one', one);
    const round = async (): Promise<void> => {
      const file = '/etc/op/deep/file';
      assert.equal(await containers.read('one', file), null);
      await containers.write('one', file, 'ä\n', root);
      await containers.write('one', file, 'b\n', { mode: 0o600, uid: 0, gid: 0 });
      assert.equal(await containers.read('one', file), 'b\n');
      await containers.link('one', file, '/etc/hostname');
      await containers.link('one', file, '/etc/hosts');
      assert.equal(await containers.read('one', file), null);
      await containers.write('one', file, 'c\n', root);
      assert.equal(await containers.read('one', '/etc/hosts'), '127.0.0.1 localhost\n127.0.1.1 one\n');
      await assert.rejects(containers.read('one', '/etc/op'), { code: 'host' });
      await assert.rejects(containers.write('one', '/etc/op', '', root), { code: 'host', message: /is a folder/ });
      await assert.rejects(containers.remove('one', '/etc/op'), { code: 'host', message: /is a folder/ });
      await assert.rejects(containers.write('one', '/etc/../x', '', root), { code: 'internal' });
      await containers.remove('one', file);
      await containers.remove('one', file);
      await containers.remove('one', '/etc/no/such/file');
      assert.equal(await containers.read('one', file), null);
    };
    await round();
    await containers.write('one', '/etc/kept', 'stopped', root);
    await containers.start('one');
    assert.equal(await containers.read('one', '/etc/kept'), 'stopped');
    await round();
    await containers.write('one', '/etc/kept', 'running', root);
    await containers.stop('one');
    assert.equal(await containers.read('one', '/etc/kept'), 'running');
    await round();
  });

  check('a symbolic link inside never leads a read, write or removal elsewhere', async (bench) => {
    const { containers } = bench;
    await bench.port(one);
    await containers.create('one', one);
    const round = async (): Promise<void> => {
      await containers.link('one', '/srv/way', '/etc');
      const foreign = { code: 'foreign', message: /passes through the symbolic link way/ };
      await assert.rejects(containers.read('one', '/srv/way/hostname'), foreign);
      await assert.rejects(containers.write('one', '/srv/way/hostname', 'x', root), foreign);
      await assert.rejects(containers.link('one', '/srv/way/hostname', 'x'), foreign);
      await assert.rejects(containers.remove('one', '/srv/way/hostname'), foreign);
      await containers.link('one', '/srv/last', '/etc/hostname');
      await containers.remove('one', '/srv/last');
      assert.equal(await containers.read('one', '/etc/hostname'), 'one\n');
      await containers.write('one', '/srv/plain', 'x', root);
      assert.equal(await containers.read('one', '/srv/plain/below'), null);
      await assert.rejects(containers.write('one', '/srv/plain/below', 'x', root), { code: 'foreign' });
    };
    await round();
    await containers.start('one');
    await round();
  });

  const table = (verdict: string): string =>
    `table inet guard {\n\tchain output {\n\t\ttype filter hook output priority filter; policy ${verdict};\n\t}\n}`;

  check('a filter is kept before its container is there, loaded at its start, and kept when it goes', async (bench) => {
    const { containers } = bench;
    const filter = containers.filter('one');
    assert.equal(await filter.table('guard'), null);
    await filter.replace('guard', table('accept'));
    assert.deepEqual(await containers.filters(), ['one']);
    assert.deepEqual(await containers.list(), []);
    await bench.port(one);
    await containers.create('one', one);
    await containers.start('one');
    assert.equal(await filter.table('guard'), table('accept'));
    const told = Promise.withResolvers<void>();
    const watch = await filter.watch(told.resolve);
    await filter.replace('guard', table('drop'));
    await told.promise;
    assert.equal(await filter.table('guard'), table('drop'));
    await containers.stop('one');
    assert.equal((await watch.ended).code, 'host');
    await assert.rejects(
      filter.watch(() => {}),
      { code: 'host' },
    );
    assert.equal(await filter.table('guard'), table('drop'));
    await containers.destroy('one');
    assert.equal(await filter.table('guard'), table('drop'));
    await filter.remove('guard');
    assert.equal(await filter.table('guard'), null);
    assert.deepEqual(await containers.filters(), []);
  });

  nftSuite(`${title}, the filter of a container not yet made`, async () => {
    const { containers, clear } = await make();
    await clear();
    return containers.filter('unmade');
  });
}
