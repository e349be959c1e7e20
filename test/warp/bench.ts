// What the tests of op-dbus warp share: the stand-in API, which has refused nothing at each test's start, and folders.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import { type Api, startApi } from './api.ts';

export type Bench = {
  readonly root: string;
  /** Once the tests have begun. */
  readonly api: () => Api;
  /** A new one (0700) below `root`. */
  readonly folder: () => string;
  /** How often somebody asked for an account in this test. */
  readonly registrations: () => number;
};

/** For the tests of the file that calls it. */
export function warpBench(): Bench {
  const root = mkdtempSync(join(tmpdir(), 'op-dbus-warp-test-'));
  let started: Api | undefined;
  let number = 0;
  const api = (): Api => {
    if (started === undefined) throw new Error('no test has begun');
    return started;
  };
  before(async () => {
    started = await startApi();
  });
  beforeEach(() => {
    api().requests.length = 0;
    Object.assign(api().refuse, { many: 0, broken: 0 });
  });
  after(async () => {
    await started?.close();
    rmSync(root, { recursive: true });
  });
  return {
    root,
    api,
    folder: () => {
      const path = join(root, String((number += 1)));
      mkdirSync(path, { mode: 0o700 });
      return path;
    },
    registrations: () => api().requests.filter((one) => one === 'POST /reg').length,
  };
}
