// The agent's plugins on a real systemd and system bus: a container of the lab's home is the host, without switch and LXC.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { ExecResult } from '../../src/drivers/exec.ts';
import { source } from '../../src/drivers/source.ts';
import { inHost, labDown, labUp } from './cli.ts';

const name = 'agent';
const file = '/root/state.json';

before(async () => {
  await labUp();
  const text = (await inHost('home', ['cat', '/etc/op-dbus/state.json'])).stdout;
  const state = JSON.parse(text) as { plugins: { lxc: { containers: object[] } } };
  const network = { bridge: 'ovsbr0', veth: true, ipv4: '10.0.0.105/24' };
  state.plugins.lxc.containers.push({ id: 105, name, template: 'debian-12', network });
  const files = ['--files', '/etc/op-dbus/files'];
  const { code, stderr } = await inHost('home', ['op-dbus', 'apply', '-', ...files], JSON.stringify(state));
  assert.equal(code, 0, stderr);
  // As an installation lies on a host, but for what the program doesn't need.
  const parts = 'bin dist/op-dbus.js dist/hook.sh package.json schema node_modules/.bin/node';
  const unpack = 'mkdir /opt/op-dbus && tar -C /opt/op-dbus -xf - && ln -s /opt/op-dbus/bin/op-dbus /usr/local/bin';
  const copy = `tar -C "$1" -chf - ${parts} | op-dbus exec ${name} -- sh -c '${unpack}'`;
  await done(inHost('home', ['sh', '-c', copy, 'sh', source()]));
  await put('/etc/systemd/system/plain.service', service('ExecStart=sleep infinity'));
  await put('/etc/systemd/system/failing.service', service('Type=oneshot\nExecStart=false'));
  await put('/usr/lib/systemd/system/packaged.service', service('ExecStart=sleep infinity'));
  const slow = 'ExecStartPre=sh -c "touch /run/slow-started; while [ -e /run/hold ]; do sleep 0.05; done"';
  await put('/etc/systemd/system/slow.service', service(`${slow}\nExecStart=sleep infinity`));
  await ok('systemctl', 'daemon-reload');
});
after(labDown);
// What a failed test left is not the next one's.
beforeEach(() => ok('op-dbus', 'down'));

function service(lines: string): string {
  return `[Service]\n${lines}\n[Install]\nWantedBy=multi-user.target\n`;
}

/** Runs a program on the agent's host. */
function agent(...argv: readonly string[]): Promise<ExecResult> {
  return inHost('home', ['op-dbus', 'exec', name, '--', ...argv]);
}

async function done(result: Promise<ExecResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, `${stderr}\n${stdout}`);
  return stdout;
}

const ok = (...argv: readonly string[]): Promise<string> => done(agent(...argv));

async function put(path: string, content: string): Promise<void> {
  await done(inHost('home', ['op-dbus', 'exec', name, '--', 'dd', `of=${path}`, 'status=none'], content));
}

type Units = Readonly<Record<string, object>>;

/** Writes a state of these units, and of these properties of systemd's manager. */
async function want(units: Units, properties: object = {}): Promise<void> {
  const where = { destination: 'org.freedesktop.systemd1', path: '/org/freedesktop/systemd1' };
  const objects = [{ ...where, interface: 'org.freedesktop.systemd1.Manager', properties }];
  const dbus = Object.keys(properties).length === 0 ? {} : { dbus: { objects } };
  await put(file, JSON.stringify({ version: 1, plugins: { systemd: { units }, ...dbus } }, null, 2));
  await ok('chmod', '600', file);
}

const property = async (key: string): Promise<string> =>
  ok(
    'busctl',
    'get-property',
    'org.freedesktop.systemd1',
    '/org/freedesktop/systemd1',
    'org.freedesktop.systemd1.Manager',
    key,
  );

async function shows(unit: string, ...keys: readonly string[]): Promise<string> {
  return (await ok('systemctl', 'show', unit, '--value', ...keys.map((key) => `--property=${key}`))).replaceAll(
    '\n',
    ' ',
  );
}

/** All that the plugins could have changed, as text. */
async function looks(): Promise<string> {
  const keys = '--property=Id,UnitFileState,ActiveState,DropInPaths,NeedDaemonReload';
  const script = `find /etc/systemd/system -printf '%p %y %l\\n' | sort
    systemctl show ${keys} plain.service failing.service packaged.service slow.service
    systemd-analyze log-level
    cat /var/lib/op-dbus/kept.json 2>/dev/null; true`;
  return ok('sh', '-c', script);
}

const limit = { 'limit.conf': '[Service]\nMemoryMax=64M\n' };

test('where nothing is ours and no switch is installed there is nothing to show or to remove', async () => {
  assert.equal(await ok('op-dbus', 'query'), 'Nothing here is made by op-dbus.');
  assert.equal(await ok('op-dbus', 'down'), 'Nothing to remove.');
});

test('the profile that init writes is applied, verified, and leaves nothing when it is taken down', async () => {
  const before = await looks();
  await ok('op-dbus', 'init', '--profile', 'agent', '-o', file, '--force');
  assert.equal((await agent('op-dbus', 'diff', file)).code, 2);
  await ok('op-dbus', 'apply', file);
  assert.match(await ok('op-dbus', 'apply', file), /^Nothing to change/);
  await ok('op-dbus', 'verify');
  assert.equal(await property('LogLevel'), 's "notice"');
  assert.match(await shows('systemd-tmpfiles-clean.timer', 'TimersMonotonic'), /OnUnitActiveUSec=12h/);
  await ok('op-dbus', 'down');
  assert.equal(await looks(), before);
});

test('units are enabled, started, limited and masked, and all is as before when it is down', async () => {
  const before = await looks();
  await ok('systemctl', 'start', 'packaged.service');
  await want({
    'plain.service': { enabled: true, active: true, drop_ins: limit },
    'packaged.service': { active: false, masked: true },
  });
  await ok('op-dbus', 'apply', file);
  assert.equal(
    await shows('plain.service', 'UnitFileState', 'ActiveState', 'MemoryMax', 'NeedDaemonReload'),
    '67108864 active enabled no',
  );
  assert.equal(await shows('packaged.service', 'UnitFileState', 'ActiveState'), 'inactive masked');
  assert.equal(
    await ok(
      'stat',
      '-c',
      '%a',
      '/etc/systemd/system/plain.service.d',
      '/etc/systemd/system/plain.service.d/op-dbus-limit.conf',
    ),
    '755\n644',
  );
  await want({ 'plain.service': { active: true, drop_ins: { 'limit.conf': '[Service]\nEnvironment=OURS=1\n' } } });
  await ok('op-dbus', 'apply', file);
  assert.equal(await shows('plain.service', 'UnitFileState', 'ActiveState'), 'active disabled');
  assert.equal(await shows('packaged.service', 'UnitFileState', 'ActiveState'), 'active disabled');
  // It runs with its drop-in: it was restarted.
  const pid = await shows('plain.service', 'MainPID');
  assert.match(await ok('sh', '-c', `tr '\\0' '\\n' < /proc/${pid}/environ`), /^OURS=1$/m);
  await ok('op-dbus', 'down');
  await ok('systemctl', 'stop', 'packaged.service');
  assert.equal(await looks(), before);
});

test('a masked unit is unmasked and started when the file says so, and masked again after', async () => {
  await ok('systemctl', 'enable', 'packaged.service');
  await ok('systemctl', 'mask', 'packaged.service');
  const before = await looks();
  await want({ 'packaged.service': { enabled: true, active: true } });
  const refused = await agent('op-dbus', 'apply', file);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /systemd\.units\["packaged\.service"\]\.active: packaged\.service is masked\n {2}Declare "masked": false/,
  );
  assert.equal(await looks(), before);
  await want({ 'packaged.service': { enabled: false, active: true, masked: false } });
  await ok('op-dbus', 'apply', file);
  assert.equal(await shows('packaged.service', 'UnitFileState', 'ActiveState'), 'active disabled');
  await ok('op-dbus', 'down');
  assert.equal(await looks(), before);
  await ok('systemctl', 'unmask', 'packaged.service');
  assert.equal(await shows('packaged.service', 'UnitFileState'), 'enabled');
  await ok('systemctl', 'disable', 'packaged.service');
});

test('what somebody changes by hand is shown and put right', async () => {
  const before = await looks();
  await want(
    { 'plain.service': { enabled: true, active: true, drop_ins: limit } },
    { LogLevel: 'debug', RuntimeWatchdogUSec: '0' },
  );
  await ok('op-dbus', 'apply', file);
  const good = await looks();
  const changes = [
    ['systemctl', 'stop', 'plain.service'],
    ['systemctl', 'disable', 'plain.service'],
    ['rm', '/etc/systemd/system/plain.service.d/op-dbus-limit.conf'],
    ['sed', '-i', 's/64M/32M/', '/etc/systemd/system/plain.service.d/op-dbus-limit.conf'],
    ['systemd-analyze', 'log-level', 'err'],
    ['kill', '-9', await shows('plain.service', 'MainPID')],
  ] as const;
  for (const argv of changes) {
    if (argv[0] === 'kill') await ok('systemctl', 'kill', '--signal=9', 'plain.service');
    else await ok(...argv);
    const seen = await agent('op-dbus', 'diff', file);
    assert.equal(seen.code, 2, `${argv.join(' ')}: ${seen.stdout}`);
    assert.equal((await agent('op-dbus', 'verify')).code, 1);
    await ok('op-dbus', 'apply', file);
    assert.equal(await looks(), good, argv.join(' '));
  }
  await ok('op-dbus', 'down');
  assert.equal(await looks(), before);
});

test('a unit that does not start fails apply with where to look, and the host is as it was', async () => {
  const before = await looks();
  await want(
    { 'plain.service': { active: true, drop_ins: limit }, 'failing.service': { active: true } },
    { LogLevel: 'debug' },
  );
  const { code, stderr } = await agent('op-dbus', 'apply', file);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /start failing\.service: failed\n {2}See why: journalctl -u failing\.service\n {2}Nothing is changed/,
  );
  assert.equal((await looks()).replace('ActiveState=failed', 'ActiveState=inactive'), before);
  await ok('systemctl', 'reset-failed');
});

test('what is not there, can not be or is of another type is refused with its place, and nothing is changed', async () => {
  const before = await looks();
  await want(
    {
      'nothing.service': { active: true },
      'dbus.service': { enabled: true },
      'dbus-org.freedesktop.hostname1.service': { active: true },
      'plain.service': { active: true, drop_ins: limit },
    },
    { LogLevel: 5 },
  );
  const units = await agent('op-dbus', 'apply', file);
  assert.equal(units.code, 1);
  assert.match(units.stderr, /systemd\.units\["nothing\.service"\]: there is no unit nothing\.service/);
  assert.match(
    units.stderr,
    /systemd\.units\["dbus\.service"\]\.enabled: dbus\.service can't be enabled: it is static/,
  );
  assert.match(units.stderr, /is another name of systemd-hostnamed\.service/);
  const wrong = [
    [{ LogLevel: 5 }, /expected a string \(type s\)/],
    [{ RuntimeWatchdogUSec: -1 }, /64 bits that is not negative \(type t\)/],
    [{ Version: 'x' }, /Version is read-only/],
    [{ LogLevell: 'x' }, /no property LogLevell\n {2}Did you mean "LogLevel"/],
  ] as const;
  for (const [properties, message] of wrong) {
    await want({ 'plain.service': { active: true, drop_ins: limit } }, properties);
    const { code, stderr } = await agent('op-dbus', 'apply', file);
    assert.equal(code, 1);
    assert.match(stderr, message);
  }
  assert.equal(await looks(), before);
});

test('killed while it waits for a unit, it goes on with the next apply, and rollback undoes', async () => {
  const before = await looks();
  await want({ 'slow.service': { enabled: true, active: true, drop_ins: limit } });
  const interrupt = `
    rm -f /run/slow-started; touch /run/hold
    op-dbus apply ${file} >/dev/null 2>&1 & us=$!
    until [ -e /run/slow-started ]; do kill -0 $us || exit 3; sleep 0.05; done
    kill -9 $us; rm /run/hold`;
  for (const command of [['apply', file], ['rollback'], ['down']]) {
    await ok('bash', '-c', `${interrupt}\nexit 0`);
    await ok('op-dbus', ...command);
    if (command[0] === 'apply') {
      assert.equal(await shows('slow.service', 'UnitFileState', 'ActiveState', 'MemoryMax'), '67108864 active enabled');
      await ok('op-dbus', 'down');
    }
    assert.equal(await looks(), before, command[0]);
    await ok('op-dbus', 'down');
  }
});

test('properties that a service has forgotten after a boot are drift, and units are as they were enabled', async () => {
  await want({ 'plain.service': { enabled: true, active: true, drop_ins: limit } }, { LogLevel: 'debug' });
  await ok('op-dbus', 'apply', file);
  await done(inHost('home', ['lxc-stop', '-r', '-n', name]));
  await ok('systemctl', 'is-system-running', '--wait');
  const { code, stdout } = await agent('op-dbus', 'diff', file);
  assert.equal(code, 2);
  assert.match(stdout, /^busctl set-property .* LogLevel s 'debug'$/);
  await ok('op-dbus', 'apply', file);
  await ok('op-dbus', 'verify');
  await ok('op-dbus', 'down');
});
