// create-netmaker-template.sh with Proxmox's and LXC's programs stood in for: what goes in, in what order, what is refused.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exec, type ExecResult } from '../src/drivers/exec.ts';
import { netclientUnit, script } from '../src/kinds/mesh/script.ts';

/** `root` is the container's; `calls` gets what was asked for, a line each. */
const programs = {
  id: 'echo 0',
  pct: `
echo "pct $*" >>"$box/calls"
case $1 in
  exec)
    shift 3
    case $1 in
      sha256sum) exec sha256sum "$box/root$2" ;;
      mkdir) exec mkdir -p "$box/root$3" ;;
      sh) case $3 in *"rm -rf"*) echo "$3" | sed "s#/etc/#$box/root/etc/#g; s#/var/#$box/root/var/#g" | exec sh ;; esac ;;
    esac ;;
  push) [ -e "$box/lies" ] || cp "$3" "$box/root$4" ;;
  template) [ -e "$box/stays" ] || echo "template: 1" >"$box/config" ;;
  config) cat "$box/config" ;;
esac
exit 0`,
  pvesh: 'echo 9000',
  pveam: `case $1 in list) echo "NAME SIZE"; echo "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst 120MB"; echo "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst 120MB" ;; esac`,
  netclient: 'echo run >>"$box/identity"',
};

type Box = {
  readonly folder: string;
  readonly run: (...more: string[]) => Promise<ExecResult>;
  readonly calls: () => Promise<string>;
};

async function inBox(missing: readonly string[], body: (box: Box) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'op-template-'));
  try {
    for (const name of ['bin', 'root/etc/netclient', 'root/usr/local/bin'])
      await mkdir(`${folder}/${name}`, { recursive: true });
    for (const [name, text] of Object.entries(programs))
      if (!missing.includes(name)) {
        await writeFile(`${folder}/bin/${name}`, `#!/bin/sh\nbox=${folder}\n${text}\n`);
        await chmod(`${folder}/bin/${name}`, 0o755);
      }
    const path = `PATH=${folder}/bin:/usr/bin:/bin`;
    await body({
      folder,
      run: (...more) => exec(['env', path, './create-netmaker-template.sh', ...more], { deadline: 20_000 }),
      calls: () => readFile(`${folder}/calls`, 'utf8').catch(() => ''),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('on Proxmox the newest Debian 12 gets the binary, the script and its unit, and no identity', async () => {
  await inBox([], async ({ folder, run, calls }) => {
    const { code, stdout, stderr } = await run();
    assert.equal(code, 0, stderr);
    assert.match(stdout, /The template is 9000/);
    const said = await calls();
    assert.match(
      said,
      /^pct create 9000 local:vztmpl\/debian-12-standard_12\.12-1_amd64\.tar\.zst .*--unprivileged 1 /,
    );
    assert.match(said, /apt-get install -qy --no-install-recommends wireguard-tools /);
    assert.ok(said.indexOf('pct stop') < said.indexOf('pct template'));
    assert.equal(await readFile(`${folder}/root/usr/local/bin/netmaker-first-boot.sh`, 'utf8'), script);
    const unit = (name: string) => readFile(`${folder}/root/etc/systemd/system/${name}.service`, 'utf8');
    assert.equal(await unit('netclient'), netclientUnit);
    assert.match(
      await unit('netmaker-first-boot'),
      /^ExecStart=\/usr\/local\/bin\/netmaker-first-boot\.sh join 51821$/m,
    );
    assert.equal(existsSync(`${folder}/root/etc/netclient`), false);
    assert.equal(existsSync(`${folder}/identity`), false, 'netclient was run');
  });
});

test('a copy that did not arrive, and a template that is none, are errors though pct ends with 0; what was begun goes', async () => {
  for (const [file, why] of [
    ['lies', /did not arrive whole/],
    ['stays', /pct template 9000: it is none/],
  ] as const)
    await inBox([], async ({ folder, run, calls }) => {
      await writeFile(`${folder}/${file}`, '');
      await writeFile(`${folder}/config`, 'arch: amd64\n');
      const { code, stderr } = await run();
      assert.equal(code, 1);
      assert.match(stderr, why);
      assert.match(await calls(), /pct destroy 9000\n$/);
    });
});

test('without netclient nothing is made, and the hint says where it is to be had', async () => {
  await inBox(['netclient'], async ({ run, calls }) => {
    const { code, stderr } = await run();
    assert.equal(code, 1);
    assert.match(stderr, /netclient is not installed\n {2}Put the binary/);
    assert.equal(await calls(), '');
  });
});
