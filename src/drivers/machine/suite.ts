// What every Machine does, real or fake.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from './contract.ts';

/** `make` gives a machine on which `localhost` has 127.0.0.1, `sh`, `bash` and `true` are installed, and /tmp can be written. */
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

  test(`${title}: the kernel has a release`, async () => {
    assert.match(await (await make()).kernel(), /^\d+\.\d+/);
  });

  test(`${title}: a module that no kernel has is absent`, async () => {
    assert.equal(await (await make()).module('no_such_module'), 'absent');
  });

  test(`${title}: a program has a version, one that isn't installed none, and one that says none is an error`, async () => {
    const machine = await make();
    assert.match((await machine.version('bash')) ?? '', /^\d+\.\d+/);
    assert.equal(await machine.version('no-such-program'), null);
    await assert.rejects(machine.version('true', 'silent'), { code: 'host', message: /^true silent: / });
  });

  test(`${title}: a file system has free space, and what isn't there has none and can't be written`, async () => {
    const machine = await make();
    assert.ok((await machine.space('/tmp')) > 0);
    assert.equal(await machine.writable('/tmp'), true);
    await assert.rejects(machine.space('/no/such'), { code: 'host', message: /^\/no\/such: / });
    assert.equal(await machine.writable('/no/such'), false);
  });

  test(`${title}: nothing is exposed or held of what isn't there`, async () => {
    const machine = await make();
    assert.deepEqual(await machine.exposed('/no/such'), []);
    assert.equal(await machine.held('/no/such'), false);
  });

  test(`${title}: whether the clock is right, and what contains the machine, may be unknown`, async () => {
    const machine = await make();
    assert.ok([true, false, null].includes(await machine.synchronised()));
    assert.notEqual(await machine.container(), '');
  });
}
