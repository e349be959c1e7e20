// How new entries of a folder come to be: by ourselves, or as a running container's root, since what is mounted inside
// takes only owners that its user namespace knows (nsenter(1), user_namespaces(7)).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, lchown, mkdir, open, rename, symlink } from 'node:fs/promises';
import { OpError } from '../../error.ts';

/** Makes entries in an open folder. They belong to the container's root. */
export type Maker = {
  /** An empty file where there is nothing. */
  file(folder: FileHandle, name: string): Promise<void>;
  link(folder: FileHandle, name: string, target: string): Promise<void>;
  folder(folder: FileHandle, name: string): Promise<void>;
  /** Replaces what is at `to`, unless that is a folder. */
  move(folder: FileHandle, from: string, to: string): Promise<void>;
};

/** By ourselves, given to `base`: for the root of a stopped container. */
export function ownMaker(base: number): Maker {
  return {
    file: async (folder, name) => {
      const file = await open(at(folder, name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        await file.chown(base, base);
      } finally {
        await file.close();
      }
    },
    link: async (folder, name, target) => {
      await symlink(target, at(folder, name));
      await lchown(at(folder, name), base, base);
    },
    folder: async (folder, name) => {
      await mkdir(at(folder, name));
      await lchown(at(folder, name), base, base);
    },
    move: (folder, from, to) => rename(at(folder, from), at(folder, to)),
  };
}

/** As root of the user namespace of process `pid`, by the machine's own programs; they inherit the folder as 3. */
export function innerMaker(pid: number): Maker {
  const enter = ['nsenter', `--user=/proc/${pid}/ns/user`, '--setuid', '0', '--setgid', '0', '--'];
  const inner = async (folder: FileHandle, argv: readonly string[]): Promise<void> => {
    const [program = '', ...rest] = [...enter, ...argv];
    const child = spawn(program, rest, {
      stdio: ['ignore', 'ignore', 'pipe', folder.fd],
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new OpError('host', `${argv[0]} as the container's root: ${said.trim() || `exit ${code}`}`);
  };
  const here = (name: string): string => `/proc/self/fd/3/${name}`;
  return {
    file: (folder, name) => inner(folder, ['dd', 'if=/dev/null', `of=${here(name)}`, 'conv=excl', 'status=none']),
    link: (folder, name, target) => inner(folder, ['ln', '-s', '-T', '--', target, here(name)]),
    folder: (folder, name) => inner(folder, ['mkdir', '--', here(name)]),
    move: (folder, from, to) => inner(folder, ['mv', '-f', '-T', '--', here(from), here(to)]),
  };
}

function at(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}
