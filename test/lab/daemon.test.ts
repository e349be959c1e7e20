// op-dbusd in the lab's home: each fault is put right by itself, with its time; no packet leaves by another way meanwhile.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Capture, startCapture } from '../../src/lab/prove/capture.ts';
import { answersAgain } from '../../src/lab/prove/closed.ts';
import { type Prober, startProber } from '../../src/lab/prove/prober.ts';
import { marker } from '../../src/lab/prove/row.ts';
import { classify } from '../../src/lab/pcap.ts';
import { HOME, VPS } from '../../src/lab/topology.ts';
import { home, inHost, labDown, labUp, ok, sh } from './cli.ts';

const file = '/etc/op-dbus/state.json';
const log = '/var/log/op-dbusd.log';

/** Starts the daemon and waits until it says that all is well. */
async function startDaemon(): Promise<void> {
  await sh(`setsid op-dbus daemon </dev/null >${log} 2>&1 & echo $! >/run/op-dbusd.test`);
  await said(/the host is as it was applied/);
}

async function stopDaemon(): Promise<void> {
  await sh('pid=$(cat /run/op-dbusd.test); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.02; done');
}

async function said(what: RegExp, seconds = 60): Promise<string> {
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(50)) {
    const text = await sh(`cat ${log}`);
    if (what.test(text)) return text;
    assert.ok(Date.now() < deadline, `the daemon never said ${what}:\n${text}`);
  }
}

let prober: Prober;
let capture: Capture;
const word = marker();
before(async () => {
  await labUp();
  await startDaemon();
  prober = await startProber('client', word);
  capture = await startCapture('home', 'eth0');
  assert.ok((await answersAgain(prober, Date.now())).ok);
});
after(async () => {
  await prober.stop();
  await labDown();
});

const flows = 'ovs-ofctl -O OpenFlow14 --names --no-stats dump-flows ovsbr0 | sort | md5sum';
const rules = 'nft -s list ruleset | md5sum';
const dead = (pid: string) => `kill -9 ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.01; done`;
const program = 'xargs -0 -a /proc/$pid/cmdline printf "%q "';
/** Kills a daemon of Open vSwitch and starts it again as it was, as its unit would. */
const again = (name: string): string =>
  `pid=$(cat /run/openvswitch/${name}.pid); start=$(${program}); ${dead('$pid')}; rm -f /run/openvswitch/${name}.pid; eval "$start" </dev/null >/dev/null 2>&1`;
const warp = 'nsenter --net=/proc/$(cut -d" " -f1 /var/lib/op-dbus/container/warp-tunnel/pid)/ns/net';
const padding = `${warp} tc filter show dev wg-warp egress | grep -o 'flowid.*direct-action'`;
const inside = (id: number, command: string): string => `op-dbus exec ${id} -- ${command}`;

type Fault = {
  readonly name: string;
  readonly fault: string;
  /** Prints what must be again as it was before; a failure is nothing. */
  readonly looks: string;
};

const faults: readonly Fault[] = [
  { name: 'all flows deleted', fault: 'ovs-ofctl del-flows ovsbr0', looks: flows },
  { name: 'a foreign flow added', fault: 'ovs-ofctl add-flow ovsbr0 priority=65535,actions=NORMAL', looks: flows },
  {
    name: 'the bridge opened',
    fault: 'ovs-vsctl set-fail-mode ovsbr0 standalone',
    looks: 'ovs-vsctl get-fail-mode ovsbr0',
  },
  { name: 'nftables flushed on the host', fault: 'nft flush ruleset', looks: rules },
  {
    name: 'nftables flushed in a container',
    fault: inside(101, 'nft flush ruleset'),
    looks: inside(101, 'nft -s list ruleset | md5sum'),
  },
  { name: 'forwarding shut', fault: 'sysctl -qw net.ipv4.ip_forward=0', looks: 'sysctl net.ipv4.ip_forward' },
  {
    name: 'a port removed',
    fault: 'ovs-vsctl del-port ovsbr0 wg-warp',
    looks: `${flows}; ${inside(101, 'ip -br -4 address show dev internal_101')}`,
  },
  {
    name: 'the proxy killed',
    fault: inside(102, 'pkill -9 -x v2ray'),
    looks: inside(102, "sh -c 'pgrep -x v2ray >/dev/null && echo runs'"),
  },
  {
    name: 'a WireGuard device deleted',
    fault: inside(101, 'ip link delete wg-warp'),
    looks: inside(101, 'wg show wg-warp public-key'),
  },
  {
    name: 'the padding deleted',
    fault: `${warp} tc filter del dev wg-warp egress`,
    looks: padding,
  },
  {
    name: 'the padded device made anew',
    fault: inside(101, 'systemctl restart wg-quick@wg-warp'),
    looks: padding,
  },
  {
    name: 'ovs-vswitchd killed and restarted',
    fault: again('ovs-vswitchd'),
    looks: `${flows}; for id in 100 101 102; do op-dbus exec $id -- ip -br -4 address show dev internal_$id; done`,
  },
  {
    name: 'ovsdb-server killed and restarted',
    fault: again('ovsdb-server'),
    looks: `ovs-vsctl list-ports ovsbr0; ${flows}`,
  },
  {
    name: 'a container killed',
    fault: 'kill -9 $(cut -d" " -f1 /var/lib/op-dbus/container/xray-client/pid)',
    looks: inside(102, "sh -c 'pgrep -x v2ray >/dev/null && echo runs'"),
  },
  {
    name: 'a container rebooted from inside',
    fault: `${inside(101, 'systemctl reboot')}; sleep 0.5`,
    looks: inside(101, 'wg show wg-warp public-key'),
  },
];

for (const { name, fault, looks } of faults)
  test(`${name}: put right by itself, and traffic resumes`, async () => {
    const started = Date.now();
    const script = `
      look() { { ${looks}; } 2>/dev/null; }
      before=$(look); ${fault}; start=$(date +%s%N)
      for try in $(seq 6000); do
        [ "$(look)" = "$before" ] && { echo $(( ($(date +%s%N) - start) / 1000000 )); exit; }
        sleep 0.01
      done
      echo "it still differs:"; diff <(echo "$before") <(look); exit 1`;
    const { code, stdout, stderr } = await home('bash', '-c', script);
    assert.equal(code, 0, `${stdout}\n${stderr}\n${await sh(`tail -20 ${log}`)}`);
    const traffic = await answersAgain(prober, Date.now());
    assert.ok(traffic.ok, `${traffic.detail}\n${await sh(`tail -20 ${log}`)}`);
    console.log(`# ${name}: put right after ${stdout.trim()} ms; ${traffic.detail} after that`);
    assert.equal((await home('op-dbus', 'diff', file)).code, 0);
    assert.ok(started > 0);
  });

test('the VPS cut off and back: the hop is named, nothing is restarted, and traffic resumes', async () => {
  const cut = 'table inet cut { chain arrivals { type filter hook prerouting priority -500; iifname "eth0" drop; }; }';
  assert.equal((await inHost('vps', ['nft', cut])).code, 0);
  const started = Date.now();
  const text = await said(/warning: xray-client waits for an answer from 95\.216\.30\.2:443/, 90);
  const noticed = (Date.now() - started) / 1000;
  assert.equal((await inHost('vps', ['nft', 'delete table inet cut'])).code, 0);
  const back = Date.now();
  const traffic = await answersAgain(prober, back);
  assert.ok(traffic.ok, traffic.detail);
  await said(/xray-client waits for [^]*every hop carries again/, 60);
  console.log(`# the VPS cut off: named after ${noticed.toFixed(1)} s; back: ${traffic.detail}`);
  assert.equal(text.split('put right').length, (await sh(`cat ${log}`)).split('put right').length);
});

test('WARP that has forgotten us, and knows us again: the hop is named, and traffic resumes', async () => {
  const [device = '', peer = '', addresses = ''] = (
    await inHost('warp', ['sh', '-c', "wg show all dump | awk 'NF > 5 { print $1, $2, $5 }'"])
  ).stdout.split(' ');
  assert.equal((await inHost('warp', ['wg', 'set', device, 'peer', peer, 'remove'])).code, 0);
  const started = Date.now();
  await said(/every hop carries again[^]*warning: warp-tunnel sends, and nothing comes back/, 90);
  const noticed = (Date.now() - started) / 1000;
  const known = ['wg', 'set', device, 'peer', peer, 'allowed-ips', addresses.trim()];
  assert.equal((await inHost('warp', known)).code, 0);
  const traffic = await answersAgain(prober, Date.now());
  assert.ok(traffic.ok, traffic.detail);
  await said(/nothing comes back[^]*every hop carries again/, 60);
  console.log(`# WARP had forgotten us: named after ${noticed.toFixed(1)} s; back: ${traffic.detail}`);
});

test('through all of this nothing left home but TLS to the VPS', async () => {
  const frames = await capture.stop();
  const others = frames.map((frame) => classify(frame, HOME.uplink, VPS)).filter(({ expected }) => !expected);
  assert.ok(frames.length > 100);
  assert.deepEqual([...new Set(others.map(({ label }) => label))], []);
  assert.equal(frames.filter((frame) => frame.includes(word)).length, 0);
});

test('what it costs while nothing happens', async (t) => {
  await prober.stop();
  await sleep(3000);
  // Its children, nft monitor and ip monitor, count as well.
  const spent = `pid=$(cat /run/op-dbusd.test); for one in $pid $(pgrep -P $pid); do cut -d" " -f14-17 /proc/$one/stat; done | awk '{ sum += $1 + $2 + $3 + $4 } END { print sum }'`;
  const memory = `pid=$(cat /run/op-dbusd.test); for one in $pid $(pgrep -P $pid); do grep ^Pss: /proc/$one/smaps_rollup; done | awk '{ sum += $2 } END { print sum }'`;
  const before = Number(await sh(spent));
  await sleep(30_000);
  const percent = (Number(await sh(spent)) - before) / 30;
  const kilobytes = Number(await sh(memory));
  console.log(
    `# idle: ${percent.toFixed(2)} % of a core over 30 s, ${(kilobytes / 1024).toFixed(0)} MB with its children`,
  );
  t.diagnostic(`${percent} %`);
  assert.ok(kilobytes > 1000);
  prober = await startProber('client', word);
  assert.ok((await answersAgain(prober, Date.now())).ok);
});

test('who keeps changing the same thing is told of, and not fought for ever', async () => {
  await sh('for try in $(seq 12); do ovs-ofctl del-flows ovsbr0; sleep 0.7; done');
  await said(/flow ovsbr0 is changed again and again by somebody else; again in 30 s/);
  await said(/the host is as it was applied[^]*flow ovsbr0 is changed again/, 45);
});

test('an edit is applied, a bad one refused with its place, and what was rolled back stays so', async () => {
  await sh(`cp ${file} /tmp/good.json; sed -i 's/"obfuscation_level": 3/"obfuscation_level": 1/' ${file}`);
  await said(/info: applied \/etc\/op-dbus\/state\.json: \d+ change/);
  await sh(`sed -i 's/"obfuscation_level": 1/"obfuscation_level": 7/' ${file}`);
  const text = await said(/state\.json:\d+:\d+ \S*obfuscation_level/);
  assert.match(text, /is not applied, the state before it is kept: .*expected a level from 0 to 3/);
  assert.equal((await home('op-dbus', 'verify')).code, 0);
  await sh(`cp /tmp/good.json ${file}`);
  await said(/(info: applied \/etc\/op-dbus\/state\.json: [^]*){2}/, 30);
});

test('a change that nobody confirms is undone, though what waits for it was killed; one that is confirmed stays', async () => {
  const level = async (): Promise<string> =>
    (await sh('ovs-ofctl -O OpenFlow14 dump-flows ovsbr0 | grep -c cookie=0xcafe || true')).trim();
  const original = await level();
  await sh(`sed 's/"obfuscation_level": 3/"obfuscation_level": 1/' ${file} >/etc/op-dbus/other.json`);
  await ok('op-dbus', 'apply', '/etc/op-dbus/other.json', '--confirm', '5');
  await sh('pkill -9 -f undo-unconfirme[d]');
  await said(/"apply \/etc\/op-dbus\/other\.json" was not confirmed until .*, and is undone/, 30);
  assert.equal(await level(), original);
  assert.equal((await home('op-dbus', 'verify')).code, 0);
  await stopDaemon();
  await ok('op-dbus', 'apply', '/etc/op-dbus/other.json', '--confirm', '5');
  for (let tries = 0; (await home('op-dbus', 'confirm')).code === 0; tries += 1) assert.ok(tries < 1);
  await sleep(6000);
  assert.match(await ok('op-dbus', 'history'), /apply \/etc\/op-dbus\/other\.json\s+\d+\s+\S+$/);
  await ok('op-dbus', 'apply', file, '--confirm', '5');
  await sleep(7000);
  assert.match(await ok('op-dbus', 'history'), /rollback of apply \/etc\/op-dbus\/state\.json/);
});

test('the daemon that stops leaves the data path, and one that starts makes up for what happened meanwhile', async () => {
  await ok('op-dbus', 'apply', file);
  assert.ok((await answersAgain(prober, Date.now())).ok);
  await sh('ovs-ofctl del-flows ovsbr0');
  await startDaemon();
  assert.ok((await answersAgain(prober, Date.now())).ok);
  await stopDaemon();
});
