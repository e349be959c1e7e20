// What every Machine does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from './contract.ts';

/** `make` gives a machine on which `localhost` has 127.0.0.1 and the program `sh` is installed. */
export function machineSuite(title: string, make: () => Promise<Machine>): void {
  test(`${title}: the datapath is one of two, and the answer does not change`, async () => {
    const machine = await make();
    const first = await machine.datapath();
    assert.ok(first === 'system' || first === 'netdev');
    assert.equal(await machine.datapath(), first);
  });

  test(`${title}: a literal address gives itself, a name its addresses`, async () => {
    const machine = await make();
    assert.deepEqual(await machine.resolve('203.0.113.7'), ['203.0.113.7']);
    assert.deepEqual(await machine.resolve('localhost'), ['127.0.0.1']);
  });

  test(`${title}: what has no IPv4 address is an error that names it`, async () => {
    const machine = await make();
    await assert.rejects(machine.resolve('2001:db8::1'), { code: 'host', message: /2001:db8::1/ });
    await assert.rejects(machine.resolve('no.such.invalid'), { code: 'host', message: /no\.such\.invalid/ });
  });

  test(`${title}: an installed program has a full path, another none`, async () => {
    const machine = await make();
    assert.match((await machine.program('sh')) ?? '', /^\/.*\/sh$/);
    assert.equal(await machine.program('no-such-program'), null);
    await assert.rejects(machine.program('../bin/sh'), { code: 'internal' });
  });

  test(`${title}: name servers are IPv4 and not loopback`, async () => {
    for (const ip of await (await make()).nameservers()) assert.match(ip, /^(?!127\.)\d+\.\d+\.\d+\.\d+$/);
  });
}
