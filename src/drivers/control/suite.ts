// What every Control does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Control } from './contract.ts';

/** A switch that has `version`, and `dpctl/flush-conntrack`, which refuses `zone=x`. */
export function controlSuite(title: string, make: () => Promise<Control>): void {
  test(`${title}: a command gives its text`, async () => {
    const control = await make();
    assert.match(await control.command('version'), /^ovs-vswitchd \(Open vSwitch\) \d+\.\d+\.\d+/);
  });

  test(`${title}: a command that the switch does not know is refused by its name`, async () => {
    const control = await make();
    await assert.rejects(control.command('no/such'), { code: 'protocol', message: /^no\/such: .*not a valid command/ });
  });

  test(`${title}: an error of the command is told in its words`, async () => {
    const control = await make();
    await assert.rejects(control.command('dpctl/flush-conntrack', ['zone=x']), {
      code: 'protocol',
      message: /^dpctl\/flush-conntrack: .*\S/,
    });
  });

  test(`${title}: commands may be given side by side`, async () => {
    const control = await make();
    const texts = await Promise.all(Array.from({ length: 5 }, () => control.command('version')));
    assert.equal(new Set(texts).size, 1);
  });
}
