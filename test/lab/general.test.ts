// General containers beside the chain in the lab's home: what they reach is what a policy says, and the chain is as it was.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TARGET } from '../../src/lab/topology.ts';
import { home, inHost, labDown, labUp, ok, opDbus } from './cli.ts';

const file = '/etc/op-dbus/state.json';
const policies = {
  pair: {
    name: 'app-to-web',
    selector: 'container:104',
    template: {
      priority: 2000,
      match_fields: { ip: '', nw_dst: '10.0.0.105' },
      actions: [{ type: 'output', port: 'veth105' }],
    },
  },
  out: { name: 'web-to-internet', selector: 'container:105', template: { actions: [{ type: 'normal' }] } },
} as const;

let original = '';
let flows = '';
before(async () => {
  await labUp();
  original = await ok('cat', file);
  flows = await dump();
  await apply();
});
after(labDown);

const dump = () => ok('ovs-ofctl', '-O', 'OpenFlow14', '--names', '--no-stats', 'dump-flows', 'ovsbr0');

/** The client's profile with 104 in the short form and 105 by veth, and these policies. */
async function apply(...names: readonly (keyof typeof policies)[]): Promise<void> {
  const state = JSON.parse(original) as {
    plugins: { lxc: { containers: unknown[] }; openflow: { flow_policies: unknown[] } };
  };
  const { lxc, openflow } = state.plugins;
  const properties = { network_type: 'bridge', template: 'debian-12' };
  const network = { bridge: 'ovsbr0', veth: true, ipv4: '10.0.0.105/24' };
  lxc.containers.push({ id: 104, name: 'app-server', properties });
  lxc.containers.push({ id: 105, name: 'web-server', autostart: true, network, properties });
  openflow.flow_policies.push(...names.map((name) => policies[name]));
  const written = await inHost('home', ['dd', `of=${file}`, 'status=none'], JSON.stringify(state));
  assert.equal(written.code, 0);
  await ok('op-dbus', 'apply', file);
  assert.equal((await home('op-dbus', 'diff', file)).code, 0);
}

const inside = (id: number, ...argv: string[]) => home('op-dbus', 'exec', String(id), '--', ...argv);

/** Which of the addresses answer a ping of the container's. */
async function reached(id: number, ...addresses: readonly string[]): Promise<readonly string[]> {
  const script = `for ip in ${addresses.join(' ')}; do (ping -c 2 -i 0.2 -W 1 $ip >/dev/null && echo $ip) & done; wait`;
  const { stdout } = await inside(id, 'bash', '-c', script);
  return stdout.split('\n').filter(Boolean).toSorted();
}

/** What curl says of a port: 7 is "refused", so that it was reached; 28 that nobody answered. */
async function knock(id: number, address: string, port: number): Promise<number> {
  return (await inside(id, 'curl', '-s', '--max-time', '2', `http://${address}:${port}/`)).code;
}

const chain = ['10.0.0.100', '10.0.0.101', '10.0.0.102'];
/** A client of the gateway, WARP's inner ends, a host of the LAN, the home itself on each side. */
const beyond = ['10.99.0.2', '10.99.1.1', '10.99.1.2', '192.168.50.2', '10.0.0.1', '192.168.50.1', '82.64.20.2'];

test('without a policy neither reaches the other, the chain, what is behind it, the host, the LAN or the Internet', async () => {
  assert.deepEqual(await reached(104, '10.0.0.105', TARGET.ip, ...chain, ...beyond), []);
  assert.deepEqual(await reached(105, '10.0.0.104', TARGET.ip, ...chain, ...beyond), []);
  assert.deepEqual(
    await Promise.all([knock(104, '10.0.0.105', 81), knock(105, '10.0.0.102', 1080), knock(104, TARGET.ip, 80)]),
    [28, 28, 28],
  );
  // They are there: the host reaches both.
  await ok('ping', '-c', '1', '-W', '3', '10.0.0.104');
  await ok('ping', '-c', '1', '-W', '3', '10.0.0.105');
});

test('by no route and no neighbour of its own does a container get into the chain', async () => {
  for (const id of [104, 105]) {
    const device = id === 104 ? 'internal_104' : 'eth0';
    for (const [index, hop] of chain.entries()) {
      const add = await inside(id, 'ip', 'route', 'replace', 'default', 'via', hop);
      assert.equal(add.code, 0, add.stderr);
      // What it would learn by ARP, and what it could make up.
      await inside(id, 'ip', 'neighbour', 'replace', hop, 'lladdr', `02:0a:00:01:00:6${4 + index}`, 'dev', device);
      assert.deepEqual(await reached(id, TARGET.ip, '10.99.0.2', '10.99.1.1', '8.8.8.8'), [], `${id} by ${hop}`);
    }
    await inside(id, 'ip', 'route', 'replace', 'default', 'via', '10.0.0.1');
  }
});

test('a policy opens one to the other and not back, and its end ends it', async () => {
  await apply('pair');
  assert.deepEqual(await reached(104, '10.0.0.105', TARGET.ip, ...chain, ...beyond), ['10.0.0.105']);
  assert.equal(await knock(104, '10.0.0.105', 81), 7);
  assert.deepEqual(await reached(105, '10.0.0.104', TARGET.ip, ...chain, ...beyond), []);
  assert.equal(await knock(105, '10.0.0.104', 81), 28);
  await apply();
  assert.deepEqual(await reached(104, '10.0.0.105'), []);
});

test('with a way out a container reaches the Internet by the home’s address, and no more of the chain', async () => {
  await apply('out');
  const seen = await inside(105, 'curl', '-s', '--max-time', '5', `http://${TARGET.ip}/`);
  assert.equal(seen.stdout.trim(), '82.64.20.2', seen.stderr);
  assert.deepEqual(await reached(105, '10.0.0.104', ...chain, ...beyond), []);
  const traced = await home('op-dbus', 'trace', '--from', '104', '--to', `${TARGET.ip}:443`);
  assert.equal(traced.code, 2, traced.stdout);
});

test('beside them the chain is what it was, hop for hop', async () => {
  const { stdout, stderr } = await opDbus(['lab', 'prove', '--json'], 900);
  const { rows } = JSON.parse(stdout || '{"rows":[]}') as {
    readonly rows: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  };
  assert.ok(rows.length >= 40, stderr);
  assert.deepEqual(
    rows.filter((row) => !row.ok),
    [],
  );
});

test('taken out of the file they are gone, and the flows are those of before', async () => {
  const written = await inHost('home', ['dd', `of=${file}`, 'status=none'], original);
  assert.equal(written.code, 0);
  await ok('op-dbus', 'apply', file);
  assert.equal(await dump(), flows);
  assert.doesNotMatch(await ok('lxc-ls'), /app-server|web-server/);
});
