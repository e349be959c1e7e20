// How entries of a container's folders come to be and go: by ourselves in a stopped one; in a running one as its own root, so
// that the kernel lets us do there only what somebody inside could do as well (nsenter(1), user_namespaces(7)).

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lchown, mkdir, open, rename, symlink, unlink } from 'node:fs/promises';
import { type Exec, run } from '../exec.ts';
import type { FileOptions } from './contract.ts';

/** Changes an open folder. Files and links are whole before they replace what has their name, unless that is a folder. */
export type Maker = {
  file(folder: FileHandle, name: string, content: string, options: FileOptions): Promise<void>;
  /** A symbolic link of the container's root. */
  link(folder: FileHandle, name: string, target: string): Promise<void>;
  /** A folder where there is nothing. */
  folder(folder: FileHandle, name: string, options: FileOptions): Promise<void>;
  /** Removes what is no folder. */
  remove(folder: FileHandle, name: string): Promise<void>;
};

/** By ourselves, for the root of a stopped container: nothing is mounted on it where we see it. `base` is its root's id. */
export function ownMaker(base: number): Maker {
  const finish = async (handle: FileHandle, { mode, uid, gid }: FileOptions): Promise<void> => {
    try {
      await handle.chown(base + uid, base + gid);
      await handle.chmod(mode);
    } finally {
      await handle.close();
    }
  };
  /** What `make` makes under the name it is given gets its place. */
  const put = async (folder: FileHandle, name: string, make: (path: string) => Promise<void>): Promise<void> => {
    const path = at(folder, fresh());
    try {
      await make(path);
      await rename(path, at(folder, name));
    } catch (error) {
      await unlink(path).catch(() => {});
      throw error;
    }
  };
  return {
    file: (folder, name, content, options) =>
      put(folder, name, async (path) => {
        // The one that we have made, whatever its name leads to by now; nobody inside reads it before it is theirs.
        const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
        await file.writeFile(content).catch(async (error: unknown) => {
          await file.close();
          throw error;
        });
        await finish(file, options);
      }),
    link: (folder, name, target) =>
      put(folder, name, async (path) => {
        await symlink(target, path);
        await lchown(path, base, base);
      }),
    folder: async (folder, name, options) => {
      await mkdir(at(folder, name), 0o700);
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      await finish(await open(at(folder, name), flags), options);
    },
    remove: (folder, name) => unlink(at(folder, name)),
  };
}

/**
 * As root of the user namespace of process `pid`: by a program of the machine's that keeps to our mounts and sees the
 * container only by the folder, its descriptor 3. Somebody inside sees no such process.
 */
export function innerMaker(exec: Exec, pid: number): Maker {
  const enter = ['nsenter', `--user=/proc/${pid}/ns/user`, '--setuid', '0', '--setgid', '0', '--'] as const;
  const inner = async (folder: FileHandle, given: readonly unknown[], stdin = ''): Promise<void> => {
    const argv = [...enter, 'env', '-i', 'LC_ALL=C', 'perl', '-e', PROGRAM, ...given.map(String)] as const;
    await run(exec, argv, { stdin, descriptor: folder.fd });
  };
  return {
    file: (folder, name, content, { mode, uid, gid }) =>
      inner(folder, ['file', name, fresh(), uid, gid, mode], content),
    link: (folder, name, target) => inner(folder, ['link', name, fresh(), target]),
    folder: (folder, name, { mode, uid, gid }) => inner(folder, ['folder', name, uid, gid, mode]),
    remove: (folder, name) => inner(folder, ['remove', name]),
  };
}

// perl-base is on every Debian, and the only program there that changes owner and mode of a file it has open.
const PROGRAM = `
use strict;
use Fcntl;
my ($what, $name, @more) = @ARGV;
sub try { $_[0] or die "$what $name as the container's root: $!\\n" }
sub finish {
    my ($handle, $uid, $gid, $mode) = @_;
    try(chown $uid, $gid, $handle);
    try(chmod $mode, $handle);
}
umask 077;
try(chdir '/proc/self/fd/3');
my %how = (
    file => sub {
        my ($fresh, @options) = @_;
        try(sysopen my $file, $fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
        eval {
            local $/ = \\65536;
            while (my $part = <STDIN>) { try(print $file $part) }
            finish($file, @options);
            try(close $file);
            try(rename $fresh, $name);
        } or do { my $why = $@; unlink $fresh; die $why };
    },
    link => sub {
        my ($fresh, $target) = @_;
        try(symlink $target, $fresh);
        eval { try(rename $fresh, $name) } or do { my $why = $@; unlink $fresh; die $why };
    },
    folder => sub {
        try(mkdir $name);
        try(sysopen my $folder, $name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        finish($folder, @_);
    },
    remove => sub { try(unlink $name) },
);
$how{$what}->(@more);
`;

function fresh(): string {
  return `.op-dbus-${randomBytes(6).toString('hex')}`;
}

function at(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}
