// Proxmox's pct, by its double with real LXC under it, on a private host with a userspace Open vSwitch. Needs root.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { lxcContainers } from '../client.ts';
import { containerSuite } from '../suite.ts';
import { isPrivate, runPrivately } from '../testing.ts';
import { pctBench } from './bench.ts';

if (isPrivate()) await inside();
else
  void test("Proxmox's containers on a private host", async () => {
    await lxcContainers().prepare('debian-12', (line) => console.log(line));
    assert.equal(await runPrivately(import.meta.url), 0);
  });

async function inside(): Promise<void> {
  const { bench } = await pctBench();
  containerSuite('Proxmox', async () => bench);
}
