// `npm run bench -- openflow`: our flows against ovs-ofctl, medians of at least five rounds, both in each of them.
// A private ovs-vswitchd with dummy ports and no datapath of the machine: its flow tables are the real ones. Ours is what
// `apply` does within a process (observe, difference, preflight, apply of kind flow), as the daemon will; ovs-ofctl is a
// process of its own, whose start alone takes 4 ms. What a process of ours takes from its start stands beside it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { difference } from '../../src/core/plan.ts';
import type { Change } from '../../src/core/resource.ts';
import { controlSocket } from '../../src/drivers/control/client.ts';
import { run } from '../../src/drivers/exec.ts';
import type { Host } from '../../src/drivers/host.ts';
import { openFlow } from '../../src/drivers/openflow/client.ts';
import { encodeFlow } from '../../src/drivers/openflow/entry.ts';
import { parseFlow, printFlow } from '../../src/drivers/openflow/text.ts';
import { connectOvsdb } from '../../src/drivers/ovsdb/client.ts';
import { startDummySwitch } from '../../src/drivers/ovsdb/testing.ts';
import { flow } from '../../src/kinds/flow/index.ts';
import type { Spec } from '../../src/kinds/flow/schema.ts';
import { clock, head, median, row, type Times } from './table.ts';

const bridge = 'ovsbr0';
const rounds = 5;
/** Rounds that don't count: the code is compiled as it is used, which the daemon has behind it. */
const WARM = 3;
const [mode, folder = '', file = ''] = process.argv.slice(2);
if (mode === 'alone') await alone();
else await bench();

/** Flows of five matched fields and two actions; `changed` tells which have another action. */
function lines(count: number, changed: (index: number) => boolean): readonly string[] {
  const ip = (index: number): string => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
  return Array.from(
    { length: count },
    (_, index) =>
      `cookie=0xbeef0064, table=10, priority=1000,tcp,in_port=internal_100,nw_dst=${ip(index)},tp_dst=80 ` +
      `actions=set_field:02:0a:00:00:01:65->eth_dst,${changed(index) ? 'LOCAL' : 'output:internal_101'}`,
  ).toSorted();
}

/** The same text as other strings, as a list is that was made anew. */
function anew(flows: readonly string[]): readonly string[] {
  return flows.map((line) => Buffer.from(line).toString());
}

function hostAt(runDir: string): { readonly host: Host; readonly close: () => Promise<void> } {
  const control = controlSocket(runDir);
  const ovsdb = connectOvsdb(join(runDir, 'db.sock'));
  return {
    host: { ovsdb, control, openflow: openFlow(runDir, control) } as unknown as Host,
    close: async () => ovsdb.close(),
  };
}

/** A driver of its own each time: nothing is known from before. */
async function ours(runDir: string, flows: readonly string[]): Promise<number> {
  const { host, close } = hostAt(runDir);
  try {
    return await make(host, flows);
  } finally {
    await close();
  }
}

async function make(host: Host, flows: readonly string[]): Promise<number> {
  const wanted = flows.length === 0 ? [] : [{ kind: 'flow', name: bridge, spec: { meters: [], flows } satisfies Spec }];
  const changes = difference(await flow.observe(host), wanted) as readonly Change<Spec>[];
  if (changes.length === 0) return 0;
  await flow.preflight?.(host, changes, () => {});
  await flow.apply(host, changes, () => {});
  return changes.length;
}

/** A process that makes the bridge like the file, and says what memory it took at most, in kB. */
async function alone(): Promise<void> {
  await ours(folder, readFileSync(file, 'utf8').trimEnd().split('\n'));
  console.log(process.resourceUsage().maxRSS);
}

async function bench(): Promise<void> {
  const ovs = await startDummySwitch();
  const { host, close } = hostAt(ovs.folder);
  try {
    const port = (name: string, number: number): readonly string[] =>
      `-- add-port ${bridge} ${name} -- set Interface ${name} type=internal ofport_request=${number}`.split(' ');
    const made = `ovs-vsctl add-br ${bridge} -- set Bridge ${bridge} fail_mode=secure external_ids:op-dbus=bench`.split(
      ' ',
    );
    await run(ovs.run, ['ovs-vsctl', ...made.slice(1), ...port('internal_100', 100), ...port('internal_101', 101)]);
    const ofctl = async (...argv: readonly string[]): Promise<void> => {
      // Its output goes nowhere, which costs it less than a pipe.
      const child = spawn('ovs-ofctl', ['-O', 'OpenFlow14', ...argv], {
        env: { ...process.env, ...ovs.env },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [code] = await once(child, 'exit');
      if (code !== 0) throw new Error(`ovs-ofctl ${argv.join(' ')}: status ${code}`);
    };
    head(['flows', 'what', 'ours, ms', 'ovs-ofctl, ms', 'ovs-ofctl / ours']);
    for (const count of mode === undefined ? [1000, 10_000, 100_000] : [Number(mode)]) {
      const plain = lines(count, () => false);
      const changed = lines(count, (index) => index % 100 === 7);
      const texts = [plain, changed].map((flows, index) => {
        const path = join(ovs.folder, `flows-${index}`);
        writeFileSync(path, `${flows.join('\n')}\n`);
        return path;
      }) as [string, string];
      const numbers = join(ovs.folder, 'numbers');
      writeFileSync(numbers, readFileSync(texts[0], 'utf8').replaceAll('internal_', ''));
      const mine: Times = new Map();
      const theirs: Times = new Map();
      let memory = 0;
      for (let round = -WARM; round < rounds; round++) {
        const [a, b]: readonly [Times, Times] = round < 0 ? [new Map(), new Map()] : [mine, theirs];
        await ofctl('del-flows', bridge);
        await clock(a, 'from nothing', () => ours(ovs.folder, plain));
        await clock(a, 'no change', () => ours(ovs.folder, plain));
        await clock(a, '1 % changed', () => ours(ovs.folder, changed));
        const fresh = hostAt(ovs.folder);
        await clock(a, 'dump to text', async () => (await flow.observe(fresh.host)).length);
        await fresh.close();
        const mirror = await clock(a, 'mirror: open', () =>
          host.openflow.mirror(bridge, { mine: ({ cookie }) => cookie === '0xbeef0064', changed: () => {} }),
        );
        await clock(a, 'mirror: first look', () => mirror.replace(anew(changed)));
        const again = anew(changed);
        await clock(a, 'mirror: no change', () => mirror.replace(again));
        await clock(a, 'mirror: 1 % changed', () => mirror.replace(plain));
        await clock(a, 'mirror: 1 % changed', () => mirror.replace(changed));
        await mirror.close();
        await clock(a, 'parse text', () => {
          const ports = { number: (name: string) => Number(name.slice(9)), name: () => undefined };
          for (const line of plain) encodeFlow(parseFlow(line), ports);
        });
        const found = (await host.openflow.flows(bridge)).map(printFlow).toSorted();
        if (found.join() !== changed.join()) throw new Error('the bridge has other flows');
        await clock(a, 'to nothing', () => ours(ovs.folder, []));
        await clock(b, 'from nothing', () => ofctl('--bundle', 'replace-flows', bridge, texts[0]));
        await clock(b, 'no change', () => ofctl('--bundle', 'replace-flows', bridge, texts[0]));
        await clock(b, '1 % changed', () => ofctl('--bundle', 'replace-flows', bridge, texts[1]));
        await clock(b, 'dump to text', () => ofctl('--no-stats', '--names', 'dump-flows', bridge));
        // Without a switch names of ports mean nothing to it.
        await clock(b, 'parse text', () => ofctl('parse-flows', numbers));
        await clock(b, 'to nothing', () => ofctl('--bundle', 'replace-flows', bridge, '/dev/null'));
        for (const what of ['a process, from nothing', 'a process, no change']) {
          const argv = [process.execPath, import.meta.filename, 'alone', ovs.folder, texts[0]] as const;
          memory = Math.max(memory, Number(await clock(a, what, () => run(ovs.run, argv, { deadline: 60_000 }))));
        }
      }
      for (const [what, values] of mine) {
        const peer = theirs.get(what.replace(/^(a process, |mirror: )/, '').replace('first look', 'no change')) ?? [];
        const ratio = median(peer) / median(values);
        row([`${count}`, what, median(values), ...(peer.length === 0 ? ['', ''] : [median(peer), ratio])]);
      }
      console.log(`\npeak memory of the process at ${count}: ${(memory / 1024).toFixed(0)} MB\n`);
    }
  } finally {
    await close();
    await ovs.stop();
  }
}
