// The state file: every bad file of golden/ with the whole list of its problems, and hostile input of any sort.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { endpoints, topology } from '../topology/build.ts';
import { parse } from './parse.ts';
import { type Problem, show } from './problem.ts';

const golden = join(import.meta.dirname, 'golden');
const cases = readdirSync(golden)
  .filter((name) => name.endsWith('.input'))
  .map((name) => name.replace(/\.input$/, ''));
const input = (name: string) => readFileSync(join(golden, `${name}.input`), 'utf8');
const good = input('good');

function problemsOf(text: string): readonly Problem[] {
  const outcome = parse(text);
  return 'problems' in outcome ? outcome.problems : [];
}

for (const name of cases)
  test(`golden/${name}: the list of problems is complete`, () => {
    const shown = problemsOf(input(name)).map((problem) => `${show('state.json', problem)}\n`);
    const file = join(golden, `${name}.problems`);
    if (process.env['UPDATE'] === '1') writeFileSync(file, shown.join(''));
    assert.equal(shown.join(''), readFileSync(file, 'utf8'));
  });

test('a good file of either shape has no problems, with a byte order mark and without', () => {
  assert.equal(problemsOf(good).length, 0);
  assert.equal(problemsOf(`\ufeff${good}`).length, 0);
  assert.equal(problemsOf(`{"$schema": "x", "version": 1, "plugins": ${good}}`).length, 0);
  assert.equal(problemsOf('{"openflow": {}}').length, 0);
});

test('both shapes give the same state', () => {
  assert.deepEqual(parse(`{"version": 1, "plugins": ${good}}`), parse(good));
});

test('the problems of the second shape have the paths of the first', () => {
  const paths = (text: string) => problemsOf(text).map(({ path, message }) => `${path} ${message}`);
  const text = input('formats');
  assert.deepEqual(paths(`{"version": 1, "plugins": ${text}}`), paths(text));
});

test('the state has every network written out', () => {
  const outcome = parse(
    '{"lxc": {"containers": [{"id": 104, "name": "a"}, {"id": 105, "name": "b", "network": {"veth": true, "ipv4": "10.7.0.9/16"}}]}}',
  );
  assert.ok('state' in outcome);
  const [first, second] = outcome.state.lxc.containers.map(({ network }) => network);
  const socket = { bridge: 'ovsbr0', veth: false, socket_networking: true, wg_tunnel: false };
  assert.deepEqual(first, { ...socket, port_name: 'internal_104', ipv4: '10.7.0.104/16' });
  assert.deepEqual(second, {
    ...socket,
    veth: true,
    socket_networking: false,
    port_name: 'veth105',
    ipv4: '10.7.0.9/16',
  });
  assert.deepEqual(
    outcome.state.openflow.bridges.map(({ name }) => name),
    ['ovsbr0'],
  );
});

test('an entry without a network that joins a mesh is by veth on the bridge mesh, listed or not', () => {
  const parsed = (bridges?: object) => {
    const properties = { network_type: 'netmaker' };
    const containers = [
      { id: 104, name: 'a', properties },
      { id: 105, name: 'b', properties: { network_type: 'bridge' } },
      { id: 106, name: 'c', properties, network: { veth: true, ipv4: '10.1.0.9/24' } },
    ];
    const outcome = parse(JSON.stringify({ lxc: { containers }, openflow: bridges === undefined ? {} : { bridges } }));
    assert.ok('state' in outcome, JSON.stringify(outcome));
    const { lxc, openflow } = outcome.state;
    const networks = lxc.containers.map(({ network: { bridge, veth, port_name, ipv4 } }) =>
      [bridge, veth, port_name, ipv4].join(' '),
    );
    return { networks, bridges: openflow.bridges.map(({ name, address = null }) => [name, address]) };
  };
  const web = 'ovsbr0 false internal_105 10.0.0.105/24';
  const networks = ['mesh true veth104 10.1.0.104/24', web, 'mesh true veth106 10.1.0.9/24'];
  const unlisted = [
    ['ovsbr0', null],
    ['mesh', null],
  ];
  assert.deepEqual(parsed(), { networks, bridges: unlisted });
  assert.deepEqual(parsed([{ name: 'ovsbr0' }]), { networks, bridges: unlisted });
  assert.deepEqual(parsed([{ name: 'mesh', address: '10.1.0.254/24' }, { name: 'ovsbr0' }]), {
    networks,
    bridges: [
      ['mesh', '10.1.0.254/24'],
      ['ovsbr0', null],
    ],
  });
});

test('where all containers are in a mesh there is no other bridge', () => {
  const outcome = parse(
    '{"lxc": {"containers": [{"id": 104, "name": "a", "properties": {"network_type": "netmaker"}}]}}',
  );
  assert.ok('state' in outcome);
  assert.deepEqual(
    outcome.state.openflow.bridges.map(({ name }) => name),
    ['mesh'],
  );
});

test('an entry without a network is filled in from its profile, and only one with the id and the name of that', () => {
  const profile = 'privacy-client';
  const config = (JSON.parse(good) as { lxc: { containers: { id: number; config: object }[] } }).lxc.containers;
  const short = (name: string) => ({
    id: 101,
    name,
    config: config[1]?.config,
    properties: { network_type: 'bridge' },
  });
  const read = (name: string, profileName: string, more: object = {}) => {
    const lxc = { container_profile: profileName, containers: [{ ...short(name), ...more }] };
    return [{ lxc }, { version: 1, plugins: { lxc } }].map((file) => parse(JSON.stringify(file)));
  };
  for (const outcome of read('warp-tunnel', profile)) {
    assert.ok('state' in outcome, JSON.stringify(outcome));
    const [warp] = outcome.state.lxc.containers;
    assert.deepEqual(
      [warp?.network.port_name, warp?.network.wg_tunnel, warp?.services, warp?.properties],
      ['wg-warp', true, ['wg-quick@wg-warp'], { network_type: 'bridge' }],
    );
    assert.equal(warp?.config['wg-quick']?.public_key, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbA=');
  }
  const whole = { network: { bridge: 'ovsbr0', socket_networking: true, ipv4: '10.0.0.101/24' } };
  const others = [read('another', profile), read('warp-tunnel', 'privacy-vps'), read('warp-tunnel', profile, whole)];
  for (const outcome of others.flat()) assert.match(JSON.stringify(outcome), /no service runs wg-quick/);
});

/** Problems of a text, after checking what holds for every text. */
function checked(text: string): readonly Problem[] {
  const outcome = parse(text);
  if ('state' in outcome) {
    const names = endpoints(outcome.state).map((name) => [name, ['198.51.100.7']]);
    const { members } = topology(outcome.state, Object.fromEntries(names));
    for (const { address, gateway, port } of members) assert.ok(address.ip && gateway && port.row && port.device);
    return [];
  }
  assert.ok(outcome.problems.length > 0);
  const lines = text.replace(/^\ufeff/, '').split('\n');
  const places = outcome.problems.map(({ line, column }) => {
    assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
    assert.ok(column >= 1 && column <= (lines[line - 1] ?? '').length + 1, `column ${column}`);
    return line * 1e6 + column;
  });
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
  for (const { message, path, hint } of outcome.problems)
    assert.match(`${path} ${message} ${hint ?? ''}`, /^[\x20-\x7e→…≤]*$/, 'nothing for the terminal to obey');
  return outcome.problems;
}

test('a text cut anywhere is reported at its end', () => {
  const compact = JSON.stringify(JSON.parse(good));
  for (const text of [compact, good.slice(0, good.lastIndexOf('}') + 1)])
    for (let end = 1; end < text.length; end += 1 + (end % 3)) {
      const cut = text.slice(0, end);
      const [problem] = checked(cut);
      assert.match(problem?.message ?? '', /^the file ends too early/, cut.slice(-20));
    }
});

test('characters put in, taken out or replaced never make it throw', () => {
  const piece = fc.oneof(
    fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '\0', '\n', '0', '-', '\ufeff', '\ud800', '"__proto__":'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.nat(good.length), fc.nat(20), piece, (start, count, text) => {
      checked(good.slice(0, start) + text + good.slice(start + count));
    }),
    { numRuns: 150 },
  );
});

test('any text at all never makes it throw', () => {
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
    fc.json(),
  );
  fc.assert(fc.property(text, (each) => void checked(each)));
});

type Step = { readonly holder: Record<string, unknown>; readonly key: string };

function places(value: unknown): readonly Step[] {
  if (value === null || typeof value !== 'object') return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...places(holder[key])]);
}

const hostile = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    1.5,
    1e308,
    '',
    'UUID',
    '010.0.0.1/24',
    '1.2.3.4/33',
    '10.0.0.1/24',
    'internal_101',
    'wg-warp',
    100,
    101,
    'container:100',
    'container:101',
  ),
  fc.constantFrom<unknown>(
    [],
    [null],
    {},
    { type: 'normal' },
    { type: 'output', port: 'wg-warp' },
    ['wireguard'],
    'normal',
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

test('values replaced, removed, added and swapped anywhere never make it throw', () => {
  const edit = fc.record({
    at: fc.nat(),
    how: fc.constantFrom('replace', 'remove', 'add', 'swap'),
    value: hostile,
    other: fc.nat(),
    key: fc.constantFrom('x', 'id', 'constructor', 'config', 'wg1', 'xray', 'flows', '0'),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), fc.boolean(), (edits, wrapped) => {
      const whole = { plugins: JSON.parse(good) as unknown };
      for (const { at, how, value, other, key } of edits) {
        const all = places(whole);
        if (all.length === 0) break;
        const one = all[at % all.length] as Step;
        const two = all[other % all.length] as Step;
        if (how === 'replace') one.holder[one.key] = structuredClone(value);
        if (how === 'remove') delete one.holder[one.key];
        if (how === 'swap') one.holder[one.key] = structuredClone(two.holder[two.key]);
        if (how === 'add' && !Array.isArray(one.holder)) one.holder[key] = structuredClone(value);
      }
      checked(JSON.stringify(wrapped ? { version: 1, ...whole } : whole.plugins, null, 1) ?? '');
    }),
    { numRuns: 250 },
  );
});

test('a bad part hides no problem of the good parts', () => {
  const found = (text: string) => new Set(problemsOf(text).map(({ path, message }) => `${path} ${message}`));
  const broken = JSON.parse(good) as { lxc: { containers: { network: object; autostart: unknown; name: unknown }[] } };
  for (const [index, container] of broken.lxc.containers.entries())
    container.network = { ...container.network, ipv4: index === 0 ? '10.0.0.100/24' : '10.0.0.101/24' };
  const before = found(JSON.stringify(broken));
  assert.ok([...before].some((problem) => problem.includes('is taken by')));
  for (const container of broken.lxc.containers) Object.assign(container, { autostart: 'yes', name: 7, extra: 1 });
  const after = found(JSON.stringify(broken));
  for (const problem of before) assert.ok(after.has(problem), problem);
  assert.equal(after.size, before.size + 9);
});

test('strings of the file are never repeated where a secret may have been put', () => {
  const secret = 'c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==';
  const whole = { plugins: JSON.parse(good) as unknown };
  let refused = 0;
  for (const { holder, key } of places(whole)) {
    const before = holder[key];
    if (typeof before !== 'string') continue;
    holder[key] = secret;
    const problems = problemsOf(JSON.stringify(whole.plugins));
    refused += Number(problems.length > 0);
    for (const problem of problems) assert.ok(!show('', problem).includes(secret), show('', problem));
    holder[key] = before;
  }
  assert.ok(refused > 40, String(refused));
});
