// The shaper of both ends as resources, and what status and verify make of what it tells.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, vps } from '../../core/topology/fixture.ts';
import type { Facts, Member, Topology } from '../../core/topology.ts';
import { fakeContainers } from '../../drivers/container/fake.ts';
import { definition } from '../../drivers/container/sample.ts';
import type { ExecResult } from '../../drivers/exec.ts';
import type { Host } from '../../drivers/host.ts';
import { shaper } from './index.ts';

const state = { mode: 'on-demand', up: 600, down: 1200, frame: 1316, quantum: 1, monthly_bytes: 0 } as const;
const warp = { ip: '162.159.192.1', port: 2408 };

/** The topology with that member shaping; the others don't. */
function shaped(topology: Topology, name: string, what: Partial<NonNullable<Member['shaper']>> = {}): Topology {
  const on = { ...state, warp: null, ...what };
  return { ...topology, members: topology.members.map((one) => (one.name === name ? { ...one, shaper: on } : one)) };
}

const home = shaper.expand(shaped(client, 'xray-client'), {} as Facts);
const far = shaper.expand(shaped(vps, 'xray-server', { warp, monthly_bytes: 5e11 }), {} as Facts);
const text = (of: typeof home): string => of[0]?.spec.files['/etc/op-dbus/shaper.conf']?.text ?? '';

test('nobody shapes who is not asked to', () => {
  assert.deepEqual(shaper.expand(client, {} as Facts), []);
  assert.deepEqual(shaper.expand(vps, {} as Facts), []);
});

test('the client takes WARP’s packets where its filter leads them, and the VPS sends to the WARP of its own state', () => {
  const same = 'mode on-demand\nframe 1316\nup 600\ndown 1200\nquantum 1000\nidle 2000\nsilence 15000\n';
  assert.equal(
    text(home),
    `# Written by op-dbus.\nrole client\nlisten 10.0.0.102:12408\nproxy 127.0.0.1:12409\n${same}budget 0\n`,
  );
  assert.equal(
    text(far),
    `# Written by op-dbus.\nrole server\nlisten 127.0.0.1:2499\nendpoint 162.159.192.1:2408\n${same}budget 500000000000\n`,
  );
});

test('it runs as a user of its own, without a capability, and systemd notices when it hangs', () => {
  const unit = home[0]?.spec.files['/etc/systemd/system/shaper.service']?.text ?? '';
  for (const line of [
    'User=proxy',
    'CapabilityBoundingSet=',
    'NoNewPrivileges=yes',
    'WatchdogSec=10',
    'Restart=always',
  ])
    assert.ok(unit.split('\n').includes(line), line);
});

const tale = {
  ...{ at: 1000, state: 'up', why: '', clients: 1, parameters: '', used: 5_000_000, budget: 0 },
  ...{ frames_out: 10, frames_in: 20, real_out: 1, real_in: 2, dropped: 3, bad: 4, refused: 0 },
};

/** What status and verify say when the container answers so; `active` says whether the unit is. */
async function told(answer: Partial<ExecResult>, active = true, of = home) {
  const name = of[0]?.spec.container ?? '';
  const units = new Set(active ? [`${name}/shaper`] : []);
  const containers = fakeContainers(() => ({ code: 0, stdout: '', stderr: '', ...answer }), units);
  await containers.prepare('debian-12', () => {});
  await containers.create(name, definition(102));
  await containers.start(name);
  const host = { containers } as unknown as Host;
  const [[part], [check]] = await Promise.all([shaper.status?.(host, of) ?? [], shaper.check?.(host, of) ?? []]);
  return { part, check };
}

const says = (what: object, now = 1001): Partial<ExecResult> => ({
  stdout: `${now}\n${JSON.stringify({ ...tale, ...what })}\n`,
});

test('two ends that agree are up, and verify tells what went through', async () => {
  const { part, check } = await told(says({}));
  assert.deepEqual([part?.up, part?.waiting, part?.facts], [true, null, { active: true, agreed: true }]);
  assert.deepEqual(
    [check?.ok, check?.detail],
    [true, '3 datagrams in 30 frames, 4.8 MiB this month, 3 dropped, 4 bad'],
  );
  const server = await told(says({}), true, far);
  assert.equal(server.check?.name, 'xray-server: the shaper takes clients');
  assert.match(server.check?.detail ?? '', /^1 clients, /);
});

test('each thing that it may wait for is said, with what to look at', async () => {
  for (const [answer, waits] of [
    [says({ state: 'connecting' }), /^an answer of the VPS's shaper$/],
    [says({ state: 'connecting', why: 'no answer from the VPS' }), /^an answer .* \(no answer from the VPS\)$/],
    [
      says({ state: 'refused', why: 'the VPS has version=1 up=5' }),
      /^the same shaping at both ends: the VPS has version=1 up=5; here mode=on-demand frame=1316 up=600 down=1200 quantum=1000$/,
    ],
    [says({ state: 'spent', used: 6, budget: 5 }), /^the next month: 6 of 5 bytes are used up \(monthly_bytes\)$/],
    [says({}, 1006), /^word of the shaper, which hangs: the last came 6 s ago$/],
    [{ stdout: '1000\nnothing\n' }, /^word of the shaper: nothing that can be read$/],
    [{ stdout: `1000\n${JSON.stringify({ state: 'up' })}` }, /^word of the shaper: nothing that can be read$/],
    [{ code: 1, stdout: '1000\n', stderr: 'cat: no such file\n' }, /^word of the shaper: cat: no such file$/],
  ] as const) {
    const { part, check } = await told(answer);
    assert.equal(part?.up, false);
    assert.match(part?.waiting ?? '', waits);
    assert.deepEqual([check?.ok, check?.detail], [false, `waits for ${part?.waiting}`]);
  }
  const { part } = await told(says({}), false);
  assert.match(part?.waiting ?? '', /^shaper, which is not active/);
});
