// The commands on a real host (the lab's home): differences, changes in place, bad files, secrets, veth.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inHost, labDown, labUp } from './cli.ts';

before(labUp);
after(labDown);

const file = '/etc/op-dbus/state.json';

type State = {
  plugins: {
    lxc: { containers: { id: number; name: string; network: Record<string, unknown>; config: Record<string, any> }[] };
    openflow: { bridges: { socket_ports: unknown[] }[] };
  };
};

async function state(): Promise<State> {
  return JSON.parse((await inHost('home', ['cat', file])).stdout) as State;
}

async function put(path: string, value: unknown): Promise<void> {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
  const { code } = await inHost('home', ['dd', `of=${path}`, 'status=none'], text);
  assert.equal(code, 0);
}

const home = (...argv: string[]) => inHost('home', argv);

/** All that op-dbus could have changed on the host, as text. */
async function looks(): Promise<string> {
  const parts = await Promise.all([
    home('ip', '-br', 'address'),
    home('nft', '-s', 'list', 'ruleset'),
    home('ovs-vsctl', '--columns=name,external_ids', 'list', 'Port'),
    home('ovs-ofctl', '--no-stats', 'dump-flows', 'ovsbr0'),
    home('lxc-ls', '-1'),
    home('find', '/var/lib/op-dbus', '-printf', '%p %s\n'),
  ]);
  return parts.map(({ stdout }) => stdout).join('\n');
}

test('diff says 0 when nothing differs, 2 and the commands when something does, 1 for a bad file', async () => {
  assert.equal((await home('op-dbus', 'diff', file)).code, 0);
  const changed = await state();
  changed.plugins.lxc.containers[0]!.config['wg0'].listen_port = 51821;
  await put('/tmp/changed.json', changed);
  const differs = await home('op-dbus', 'diff', '/tmp/changed.json', '--files', '/etc/op-dbus/files');
  assert.equal(differs.code, 2);
  assert.match(differs.stdout, /wg-quick strip \/etc\/wireguard\/wg0\.conf/);
  assert.match(differs.stdout, /nft -f \/var\/lib\/op-dbus\/filter\/host\.nft/);
  assert.equal((await home('op-dbus', 'diff', '/no/such.json')).code, 1);
});

test('a file with several mistakes is refused with each place, exit status 1, and the host is untouched', async () => {
  const before = await looks();
  const bad = await state();
  bad.plugins.lxc.containers[1]!.network['ipv4'] = '10.0.0.100/24';
  bad.plugins.lxc.containers[2]!.network['ipv4'] = '10.0.0.300/24';
  (bad.plugins.lxc.containers[0] as Record<string, unknown>)['autostrat'] = true;
  bad.plugins.lxc.containers[0]!.config['wg0'].peers[0].public_key = 'CLIENT_PUBLIC_KEY';
  await put('/tmp/bad.json', bad);
  const { code, stdout, stderr } = await home('op-dbus', 'apply', '/tmp/bad.json');
  assert.equal(code, 1);
  assert.equal(stdout, '');
  const lines = stderr.split('\n').filter((line) => line.startsWith('error[state] /tmp/bad.json:'));
  for (const place of ['network.ipv4', 'autostrat', 'public_key'])
    assert.ok(
      lines.some((line) => line.includes(place)),
      stderr,
    );
  assert.ok(lines.length >= 4, stderr);
  assert.equal(await looks(), before);
});

test('a missing key is named with its path, and the host is untouched', async () => {
  const before = await looks();
  const { code, stderr } = await home('op-dbus', 'apply', file, '--files', '/tmp/nothing');
  assert.equal(code, 1);
  assert.match(stderr, /\/tmp\/nothing\/wireguard-gateway\/etc\/wireguard\/private\.key/);
  assert.match(stderr, /\/tmp\/nothing\/warp-tunnel\/etc\/wireguard\/warp-private\.key/);
  assert.equal(await looks(), before);
});

test('a state comes by stdin as well', async () => {
  const text = (await home('cat', file)).stdout;
  const { code, stdout } = await inHost('home', ['op-dbus', 'diff', '-', '--files', '/etc/op-dbus/files'], text);
  assert.equal(code, 0, stdout);
});

test('another peer is taken in place: the interface and its other peers stay', async () => {
  const device = () => home('op-dbus', 'exec', 'wireguard-gateway', '--', 'cat', '/sys/class/net/wg0/ifindex');
  const before = (await device()).stdout;
  const more = await state();
  const peers = more.plugins.lxc.containers[0]!.config['wg0'].peers;
  peers[0].allowed_ips = ['10.99.0.2/32'];
  peers.push({ public_key: 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=', allowed_ips: ['10.99.0.3/32'] });
  await put(file, more);
  const { code, stdout, stderr } = await home('op-dbus', 'apply', file);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /systemctl reload wg-quick@wg0/);
  assert.equal((await device()).stdout, before);
  const shown = await home('op-dbus', 'exec', '100', '--', 'wg', 'show', 'wg0', 'allowed-ips');
  assert.match(shown.stdout, /HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=\s+10\.99\.0\.3\/32/);
});

test('a gateway that moves is reached by its clients at once', async () => {
  // By address: a resolver gives up before WireGuard gives up its dead session (15 s).
  const through = () => inHost('client', ['curl', '-s', '-m', '45', 'http://151.101.50.10']);
  assert.equal((await through()).stdout.trim(), '104.28.10.10');
  const moved = (await home('cat', file)).stdout.replace('10.0.0.100/24', '10.0.0.120/24');
  await put('/tmp/moved.json', moved);
  const { code, stderr } = await home('op-dbus', 'apply', '/tmp/moved.json', '--files', '/etc/op-dbus/files');
  assert.equal(code, 0, stderr);
  assert.equal((await through()).stdout.trim(), '104.28.10.10');
  assert.equal((await home('op-dbus', 'apply', file)).code, 0);
  assert.equal((await through()).stdout.trim(), '104.28.10.10');
});

test('a file changed by hand inside a container is seen and put back', async () => {
  await home('op-dbus', 'exec', 'xray-client', '--', 'sed', '-i', 's/warning/debug/', '/etc/xray/config.json');
  assert.equal((await home('op-dbus', 'diff', file)).code, 2);
  assert.equal((await home('op-dbus', 'verify')).code, 1);
  assert.equal((await home('op-dbus', 'apply', file)).code, 0);
  assert.equal((await home('op-dbus', 'diff', file)).code, 0);
});

const inside = (container: string, ...argv: string[]) => home('op-dbus', 'exec', container, '--', ...argv);

test('a tunnel whose device or program died is seen and mended, and clients are carried again', async () => {
  const deaths = [
    ['100', 'ip', 'link', 'del', 'wg0'],
    ['101', 'pkill', '-9', 'wireguard-go'],
  ] as const;
  for (const [container, ...argv] of deaths) {
    assert.equal((await inside(container, ...argv)).code, 0);
    const seen = await home('op-dbus', 'diff', file);
    assert.equal(seen.code, 2, seen.stdout);
    assert.match(seen.stdout, /systemctl restart wg-quick@wg/);
    const { code, stderr } = await home('op-dbus', 'apply', file);
    assert.equal(code, 0, stderr);
    assert.match((await home('op-dbus', 'apply', file)).stdout, /^Nothing to change/);
    const through = await inHost('client', ['curl', '-s', '-m', '45', 'http://151.101.50.10']);
    assert.equal(through.stdout.trim(), '104.28.10.10');
  }
});

test('verify tells of a gateway and of a WARP that lead clients nowhere, and what it says mends them', async () => {
  const cuts = [
    ['100', 'ip', 'route', 'del', 'default'],
    ['101', 'ip', 'rule', 'del', 'priority', '32001'],
  ] as const;
  for (const [container, ...argv] of cuts) {
    assert.equal((await inside(container, ...argv)).code, 0);
    const { code, stdout } = await home('op-dbus', 'verify');
    assert.equal(code, 1, stdout);
    assert.match(stdout, /FAIL {2}\S+: a client's packet finds its way/);
    const mend = /mend: (op-dbus .*?), (?:then|or)/.exec(stdout)?.[1]?.split(' ') ?? [];
    assert.equal((await home(...mend)).code, 0, stdout);
    // Padding went with the device.
    assert.equal((await home('op-dbus', 'apply', file)).code, 0);
    assert.equal((await home('op-dbus', 'verify')).code, 0);
  }
});

test('verify tells of a peer that was added by hand, and what it says removes it', async () => {
  const key = (await inside('100', 'sh', '-c', 'wg genkey | wg pubkey')).stdout.trim();
  await inside('100', 'wg', 'set', 'wg0', 'peer', key, 'allowed-ips', '10.99.0.9/32');
  const { code, stdout } = await home('op-dbus', 'verify');
  assert.equal(code, 1, stdout);
  assert.ok(stdout.includes(`${key.slice(0, 8)}… (10.99.0.9/32) is not in the file`), stdout);
  const mend = /mend: (op-dbus .*reload.*)/.exec(stdout)?.[1]?.split(' ') ?? [];
  assert.equal((await home(...mend)).code, 0);
  assert.equal((await home('op-dbus', 'verify')).code, 0);
});

test('a configuration that the program refuses never replaces the old one', async () => {
  const inside = (...argv: string[]) => home('op-dbus', 'exec', 'xray-client', '--', ...argv);
  const before = await inside('cat', '/etc/xray/config.json');
  await inside('cp', '/usr/bin/v2ray', '/usr/bin/v2ray.good');
  await inside('cp', '--remove-destination', '/bin/false', '/usr/bin/v2ray');
  const more = await state();
  more.plugins.lxc.containers[2]!.config['xray'].inbound.port = 1081;
  await put('/tmp/more.json', more);
  const { code, stderr } = await home('op-dbus', 'apply', '/tmp/more.json', '--files', '/etc/op-dbus/files');
  await inside('mv', '/usr/bin/v2ray.good', '/usr/bin/v2ray');
  assert.equal(code, 1);
  assert.match(stderr, /v2ray refuses the new configuration/);
  assert.equal((await inside('cat', '/etc/xray/config.json')).stdout, before.stdout);
  assert.equal((await home('op-dbus', 'apply', file)).code, 0);
  assert.equal((await home('op-dbus', 'diff', file)).code, 0);
});

test('a certificate or key that is none is refused before anything is changed', async () => {
  const before = await looks();
  const files = '/etc/op-dbus/files';
  const paths = [`${files}/xray-client/etc/xray/vps.pem`, `${files}/wireguard-gateway/etc/wireguard/private.key`];
  const good = await Promise.all(paths.map(async (path) => (await home('cat', path)).stdout));
  await put(paths[0]!, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  await put(paths[1]!, 'c2hvcnQ=\n');
  const { code, stderr } = await home('op-dbus', 'apply', file);
  await put(paths[0]!, good[0]!);
  await put(paths[1]!, good[1]!);
  assert.equal(code, 1);
  assert.match(stderr, /vps\.pem: expected a certificate/);
  assert.match(stderr, /private\.key: expected a WireGuard key/);
  assert.equal(await looks(), before);
});

test('exec passes the exit status on and knows names and ids', async () => {
  assert.equal((await home('op-dbus', 'exec', '102', '--', 'sh', '-c', 'exit 7')).code, 7);
  const { code, stderr } = await home('op-dbus', 'exec', 'nobody', '--', 'true');
  assert.equal(code, 1);
  assert.match(stderr, /wireguard-gateway \(100\)/);
});

test('no output holds a secret', async () => {
  const secrets = await Promise.all(
    [
      ['cat', '/etc/op-dbus/uuid'],
      ['cat', '/etc/op-dbus/files/wireguard-gateway/etc/wireguard/private.key'],
      ['cat', '/etc/op-dbus/files/warp-tunnel/etc/wireguard/warp-private.key'],
    ].map(async (argv) => (await home(...argv)).stdout.trim()),
  );
  assert.ok(secrets.every((secret) => secret.length > 30));
  await home('op-dbus', 'down');
  const outputs = [
    await home('op-dbus', 'diff', file),
    await home('op-dbus', 'diff', file, '--json'),
    await home('op-dbus', 'apply', file),
    await home('op-dbus', 'query'),
    await home('op-dbus', 'query', '--json'),
    await home('op-dbus', 'verify', '--json'),
    await home('op-dbus', 'status', '--json'),
    await home('ps', '-eww', '-o', 'args'),
  ];
  for (const { stdout, stderr } of outputs)
    for (const secret of secrets) assert.ok(!`${stdout}${stderr}`.includes(secret));
  const readable = await home('find', '/var/lib/op-dbus', '-type', 'f', '-perm', '/044');
  for (const path of readable.stdout.trim().split('\n').filter(Boolean))
    for (const secret of secrets) assert.ok(!(await home('cat', path)).stdout.includes(secret), path);
});

async function withWebServer(): Promise<State> {
  const more = await state();
  more.plugins.lxc.containers.push({
    id: 105,
    name: 'web-server',
    template: 'debian-12',
    network: { bridge: 'ovsbr0', veth: true, ipv4: '10.0.0.105/24' },
  } as never);
  return more;
}

test('a terminal that is lost while a container is made leaves nothing half made', async () => {
  await put('/tmp/more.json', await withWebServer());
  const lost = `
    script -qfc 'op-dbus apply /tmp/more.json --files /etc/op-dbus/files' /dev/null >/tmp/lost.txt 2>&1 </dev/null & terminal=$!
    until grep -q 'lxc-create -n web-server' /tmp/lost.txt; do kill -0 $terminal || exit 3; done
    kill -9 $terminal
    for try in $(seq 600); do [ -e /run/op-dbus.lock ] || exit 0; sleep 0.1; done
    exit 4`;
  const { code } = await home('sh', '-c', lost);
  assert.equal(code, 0, (await home('cat', '/tmp/lost.txt')).stdout);
  assert.equal((await home('find', '/var/lib/lxc', '-maxdepth', '1', '-name', '.op-dbus-*')).stdout, '');
});

test('a veth container is reached from the host and reaches neither the chain nor the Internet', async () => {
  await put(file, await withWebServer());
  const { code, stderr } = await home('op-dbus', 'apply', file);
  assert.equal(code, 0, stderr);
  assert.equal((await home('ping', '-c', '1', '-W', '2', '10.0.0.105')).code, 0);
  for (const target of ['10.0.0.100', '10.0.0.102', '151.101.50.10', '82.64.20.2'])
    assert.notEqual((await home('op-dbus', 'exec', '105', '--', 'ping', '-c', '1', '-W', '1', target)).code, 0, target);
  assert.match((await home('op-dbus', 'apply', file)).stdout, /^Nothing to change/);
  await home('lxc-stop', '-n', 'web-server');
  assert.equal((await home('op-dbus', 'apply', file)).code, 0);
  assert.equal((await home('ping', '-c', '1', '-W', '2', '10.0.0.105')).code, 0);
});

test('a foreign bridge, port or container in the way is named, and nothing is changed', async () => {
  assert.equal((await home('op-dbus', 'down')).code, 0);
  assert.doesNotMatch((await home('ip', '-br', 'link')).stdout, /105/, 'the veth pair is gone');
  await home('ovs-vsctl', 'add-br', 'ovsbr0');
  const before = await looks();
  const { code, stderr } = await home('op-dbus', 'apply', file);
  assert.equal(code, 1);
  assert.match(stderr, /error\[foreign\] bridge ovsbr0: .*ovsbr0 exists and is not op-dbus's/);
  assert.equal(await looks(), before);
  await home('ovs-vsctl', 'del-br', 'ovsbr0');
});
