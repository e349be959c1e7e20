import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Config, parseConfig, type Part, writeConfig } from './config.ts';

const read = (text: string): { readonly config: Config; readonly warned: readonly string[] } => {
  const warned: string[] = [];
  return { config: parseConfig(100, text, (line) => warned.push(line)), warned };
};

const values = fc.record(
  {
    hostname: fc.constantFrom('a', 'web-1.example'),
    memory: fc.integer({ min: 16, max: 9999 }).map(String),
    net0: fc.constantFrom('name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,type=veth', 'name=x'),
    rootfs: fc.constant('local-btrfs:100/vm-100-disk-0.raw,size=8G'),
    tags: fc.constantFrom('a', 'a;b'),
  },
  { requiredKeys: [] },
);
const raw = fc.array(
  fc.tuple(fc.constantFrom('lxc.net.32.type', 'lxc.hook.stop', 'lxc.cgroup2.cpu.max'), fc.constantFrom('phys', '/x y')),
);
const line = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/[\r\n]/.test(text) && text !== '');
const description = fc.option(fc.array(line, { minLength: 1, maxLength: 3 }).map((all) => `${all.join('\n')}\n`));
const part: fc.Arbitrary<Part> = fc
  .record({ description, values, raw })
  .map((one) => ({ ...one, values: { ...one.values } }));

test('what is written is read back as it was, whatever its description says', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{1,8}$/);
  const whole = fc.record({
    main: part,
    pending: values.map((one) => ({ ...one })),
    deleted: fc.uniqueArray(fc.constantFrom('cores', 'swap')).map((all) => all.toSorted()),
    snapshots: fc.dictionary(name, part, { noNullPrototype: true, maxKeys: 3 }),
  });
  fc.assert(
    fc.property(whole, ({ main, ...rest }) => {
      const { config, warned } = read(writeConfig({ ...main, ...rest }));
      assert.deepEqual(config, { ...main, ...rest });
      assert.deepEqual(warned, []);
    }),
    { numRuns: 200 },
  );
});

test('keys are sorted, raw entries follow in their order with a colon, then what is pending, then the snapshots', () => {
  const text =
    'lxc.net.33.type = phys\nswap: 0\nlxc.hook.stop: /x\n#note\n[zz]\nswap: 0\n[pve:pending]\ndelete: cores\ntty: 1\n[aa]\nswap: 1\nhostname: a\n';
  assert.equal(
    writeConfig(read(text).config),
    '#note\nswap: 0\nlxc.net.33.type: phys\nlxc.hook.stop: /x\n\n[pve:pending]\ndelete: cores\ntty: 1\n\n[aa]\nhostname: a\nswap: 1\n\n[zz]\nswap: 0\n',
  );
});

test('what is added at the end of the file lands in the last snapshot', () => {
  const { config } = read('hostname: a\n\n[before]\nhostname: a\nlxc.net.32.type: phys\n');
  assert.deepEqual(config.raw, []);
  assert.deepEqual(config.snapshots['before']?.raw, [['lxc.net.32.type', 'phys']]);
});

test('what can’t be read is told, and gone at the next write', () => {
  const { config, warned } = read(
    'memory: 5\nfoo: 1\nnet32: name=a\n???\nlxc.hook.start-host: /x\nlxc.rootfs.path: /x\nlxc.none: 1\nnet0: bridge=a\n',
  );
  assert.equal(writeConfig(config), '');
  assert.equal(warned.length, 8);
  assert.match(warned[0] ?? '', /unable to parse value of 'memory' - value must have a minimum value of 16$/);
  assert.match(warned.join('\n'), /unable to parse config: lxc\.hook\.start-host: \/x$/m);
  assert.match(warned.join('\n'), /lxc\.rootfs\.path: lxc\.rootfs is auto generated from rootfs$/m);
});
