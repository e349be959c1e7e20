// Every secret of home and VPS is looked for wherever it must not be, while each command of op-dbus runs.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { HostName } from '../../src/lab/topology.ts';
import { inHost, labDown, labUp, okIn } from './cli.ts';

const file = '/etc/op-dbus/state.json';
/** What strace writes, and what each command says, stays on the host's own disk, for root alone. */
const traced = '/root/traced';

before(async () => {
  await labUp();
  for (const host of ['home', 'vps'] as const) await okIn(host, 'mkdir', '-p', '-m', '700', traced);
});
after(labDown);

type Secret = { readonly name: string; readonly forms: readonly string[] };

/** A key of 32 bytes is looked for as base64, hexadecimal and base64 for addresses; other secrets as they are. */
function secret(name: string, text: string): Secret {
  const bytes = Buffer.from(text, 'base64');
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return { name, forms: [text] };
  return { name, forms: [text, bytes.toString('hex'), bytes.toString('base64url')] };
}

/** The lines in the middle of a PEM key: the first is much the same in all of them. */
const body = (pem: string): string => pem.trim().split('\n').at(2) ?? assert.fail('no PEM key');

let secrets: readonly Secret[];

/** Fails naming each secret that `text` holds; `where` says whose text it is. */
function without(where: string, text: string): void {
  const found = secrets.filter(({ forms }) => forms.some((form) => text.includes(form)));
  assert.deepEqual(
    found.map(({ name }) => name),
    [],
    `in ${where}`,
  );
}

const preshared = Buffer.alloc(32, 'a preshared key of two peers, 32').toString('base64');

test('the secrets are there to be looked for', async () => {
  const read = (host: HostName, path: string) => okIn(host, 'cat', path);
  const state = JSON.parse(await read('home', file)) as {
    plugins: {
      lxc: {
        containers: {
          id: number;
          config: { wg0?: { peers: { preshared_key_file?: string }[] }; xray?: { outbound: { id: string } } };
        }[];
      };
    };
  };
  const [gateway, , proxy] = state.plugins.lxc.containers;
  const [peer] = gateway?.config.wg0?.peers ?? [];
  assert.ok(peer !== undefined);
  peer.preshared_key_file = '/etc/wireguard/preshared.key';
  const keys = '/etc/op-dbus/files/wireguard-gateway/etc/wireguard';
  await inHost('home', ['bash', '-c', `umask 077; cat >${keys}/preshared.key`], `${preshared}\n`);
  await inHost('home', ['bash', '-c', `umask 077; cat >${file}`], JSON.stringify(state, null, 2));
  const line = (text: string, key: string) => new RegExp(`^${key}\\s*=\\s*(\\S+)`, 'm').exec(text)?.[1] ?? '';
  secrets = [
    secret('the gateway’s key', (await read('home', `${keys}/private.key`)).trim()),
    secret('the preshared key', preshared),
    secret('WARP’s key', (await read('home', '/etc/op-dbus/files/warp-tunnel/etc/wireguard/warp-private.key')).trim()),
    secret('the client’s key', line(await read('home', '/etc/op-dbus/client.conf'), 'PrivateKey')),
    secret('the UUID', proxy?.config.xray?.outbound.id ?? ''),
    secret('the VPS’s TLS key', body(await read('vps', '/etc/op-dbus/files/xray-server/etc/xray/key.pem'))),
  ];
  for (const { name, forms } of secrets)
    assert.ok(
      forms.every((form) => form.length >= 32),
      name,
    );
  // Each is in use: where it belongs, root finds it.
  const used = await okIn('home', 'sh', '-c', 'cat /var/lib/op-dbus/secret/*');
  assert.ok(secrets.slice(2, 3).every(({ forms }) => used.includes(forms[0] ?? '-')));
});

let count = 0;

/**
 * Runs a command with the arguments and the environment of each program that it starts recorded (strace(1)), and looks
 * through both and through what it says.
 */
async function watched(host: HostName, status: number, ...argv: readonly string[]): Promise<void> {
  const at = `${traced}/${(count += 1)}`;
  const trace = `strace -f -qq -e trace=execve -e signal=none -v -s 65535 -o ${at}.trace`;
  const code = await okIn(host, 'bash', '-c', `${trace} "$@" >${at}.out 2>&1 </dev/null; echo $?`, 'bash', ...argv);
  const said = await okIn(host, 'cat', `${at}.out`);
  assert.equal(Number(code.trim()), status, `${argv.join(' ')}: ${said}`);
  without(`what ${argv.join(' ')} says`, said);
  const programs = await okIn(host, 'cat', `${at}.trace`);
  assert.match(programs, /execve\(/);
  without(`what ${argv.join(' ')} starts`, programs);
}

/** Runs a command, and prints what it says and the arguments and environment of each process that it could see meanwhile. */
const sampler = `
  my $pid = fork() // die; if (!$pid) { exec @ARGV or die }
  my %seen; my $self = $$;
  while (waitpid($pid, 1) == 0) {
    for my $process (glob "/proc/[0-9]*") {
      next if $process eq "/proc/$self";
      for my $what ("cmdline", "environ") {
        open my $file, "<", "$process/$what" or next; local $/; my $text = <$file> // next; print "$text\\n" unless $seen{$text}++;
      }
    }
  }
  exit $? >> 8;`;

test('no command shows one, in what it says or in what it starts', async () => {
  const op = (status: number, ...argv: string[]) => watched('home', status, 'op-dbus', ...argv);
  await op(2, 'diff', file);
  await op(2, 'diff', file, '--json');
  await op(0, 'apply', file);
  await op(0, 'verify', '--json');
  await op(0, 'status', '--json');
  await op(0, 'query', '--json');
  await op(0, 'explain', file);
  await op(0, 'trace', '--from', '100', '--to', '1.1.1.1:443');
  await op(0, 'doctor', file);
  await op(0, 'test', '--json');
  await op(0, 'history', '--json');
  await op(0, 'history', '1', '--json');
  await op(0, 'rollback');
  await op(0, 'diff', '--to', '1');
  // What undoes it in time outlives the command: it is not traced.
  for (const argv of [['apply', file, '--confirm', '60', '--json'], ['confirm']])
    without(argv.join(' '), await okIn('home', 'op-dbus', ...argv));
  // What is secret inside is put there anew.
  for (const path of [
    '100 -- rm /etc/wireguard/private.key /etc/wireguard/preshared.key',
    '101 -- rm /etc/wireguard/warp-private.key',
    '102 -- rm /etc/xray/config.json',
  ])
    await okIn('home', 'op-dbus', 'exec', ...path.split(' '));
  await op(0, 'apply', file);
  await watched('vps', 0, 'op-dbus', 'exec', '100', '--', 'rm', '/etc/xray/key.pem', '/etc/xray/config.json');
  await watched('vps', 0, 'op-dbus', 'apply', file);
  await watched('vps', 0, 'op-dbus', 'status', '--json');
  await op(0, 'down');
  // A container does not start under strace: what starts it is looked at as often as can be.
  const seen = await okIn('home', 'perl', '-e', sampler, 'op-dbus', 'apply', file, '--json');
  assert.match(seen, /lxc-start/);
  without('apply from nothing', seen);
});

/** Files that a user without rights can read, by asking the kernel as one; prints those with a secret. Patterns by stdin. */
const readable =
  'setpriv --reuid 65534 --regid 65534 --clear-groups -- grep -rIlFs -f /dev/stdin --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr /';
const patterns = (): string => secrets.flatMap(({ forms }) => forms).join('\n');

async function worldReadable(host: HostName, container: number | null): Promise<string> {
  const script = `cat >/dev/shm/patterns; chmod 644 /dev/shm/patterns; ${readable} --exclude-dir=shm </dev/shm/patterns; rm /dev/shm/patterns`;
  const enter = container === null ? [] : ['op-dbus', 'exec', String(container), '--'];
  return (await inHost(host, [...enter, 'sh', '-c', script], patterns())).stdout;
}

/** Argument vectors and environments of all processes of a host, those in its containers too. */
const processes = (host: HostName) =>
  okIn(host, 'sh', '-c', "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'");

const hosts = [
  ['home', [100, 101, 102]],
  ['vps', [100]],
] as const;

test('nothing that runs has one in its arguments or its environment', async () => {
  for (const [host] of hosts) {
    const text = await processes(host);
    assert.match(text, /v2ray|xray/);
    without(`the processes of ${host}`, text);
  }
});

test('no file that others can read has one, on the hosts and in their containers', async () => {
  for (const [host, containers] of hosts) {
    for (const container of [null, ...containers]) {
      assert.equal(await worldReadable(host, container), '', `${host}, ${container ?? 'the host itself'}`);
    }
  }
});

test('no log, journal, history or record has one', async () => {
  const records =
    'find /var/lib/op-dbus /var/log /run -xdev -type f -not -path "/run/lab/*" -not -path "/var/lib/op-dbus/secret/*" -exec cat {} +';
  for (const [host, containers] of hosts) {
    without(`the records of ${host}`, await okIn(host, 'sh', '-c', records));
    for (const container of containers) {
      const log = await okIn(
        host,
        'op-dbus',
        'exec',
        String(container),
        '--',
        'journalctl',
        '--no-pager',
        '-o',
        'export',
      );
      assert.match(log, /MESSAGE=/);
      without(`the journal of ${container} in ${host}`, log);
    }
  }
});

test('the daemon tells the bus and its log of none', async () => {
  const sh = (script: string) => okIn('home', 'bash', '-c', script);
  await sh(`mkdir -p /run/dbus; cat >/run/dbus/bus.conf <<'END'
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
END
    dbus-daemon --config-file=/run/dbus/bus.conf --fork --nopidfile`);
  const log = '/var/log/op-dbusd.log';
  const said = (what: string) =>
    `for i in $(seq 300); do grep -q "${what}" ${log} && break; sleep 0.1; done; grep "${what}" ${log}`;
  await sh(`setsid busctl monitor --json=short >${traced}/bus 2>&1 </dev/null & sleep 0.5
    setsid op-dbus daemon >${log} 2>&1 </dev/null & echo $! >/run/op-dbusd.test; ${said('as it was applied')}`);
  const manager = 'busctl call org.opdbus1 /org/opdbus1';
  for (const method of ['Status', 'Query', 'Verify']) await sh(`${manager} org.opdbus1.Manager ${method}`);
  await sh(`${manager} org.freedesktop.DBus.ObjectManager GetManagedObjects`);
  // A fault, an edit that is taken, and one that is refused with the place where it is wrong.
  await sh(`nft flush ruleset; ${said('put right')}`);
  await sh(`sed -i 's/"priority": 1000/"priority": 1001/' ${file}; ${said('applied /etc')}`);
  await sh(`sed -i 's/"vmess"/"vmss"/' ${file}; ${said('is not applied')}`);
  await sh('kill $(cat /run/op-dbusd.test); while kill -0 $(cat /run/op-dbusd.test) 2>/dev/null; do sleep 0.05; done');
  const bus = await sh(`cat ${traced}/bus`);
  assert.match(bus, /org\.opdbus1/);
  assert.match(bus, /"PropertiesChanged"/);
  without('what passes over the bus', bus);
  without('the daemon’s log', await sh(`cat ${log}`));
});

test('what is looked for is found where it is', async () => {
  const [{ forms } = assert.fail('no secrets')] = secrets;
  const word = forms[0] ?? '';
  const found = /^Expected|in /;
  await assert.rejects(() => watched('home', 0, 'echo', word), found);
  await assert.rejects(() => watched('home', 0, 'sh', '-c', `exec env KEY=${word} true`), found);
  await okIn('home', 'sh', '-c', `umask 022; echo ${word} >/var/log/found;`);
  assert.match(await worldReadable('home', null), /\/var\/log\/found/);
  await okIn('home', 'op-dbus', 'exec', '101', '--', 'sh', '-c', `umask 022; echo ${word} >/etc/found`);
  assert.match(await worldReadable('home', 101), /\/etc\/found/);
  const pid = await okIn('home', 'bash', '-c', `KEY=${word} setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $!`);
  await assert.rejects(async () => without('the processes', await processes('home')), found);
  await okIn('home', 'kill', pid.trim());
});
