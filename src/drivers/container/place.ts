// What is put on the host for containers, whichever backend: the hook, whole files in place of others, one after the other.

import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { optional } from './record.ts';
import { type Root, writeFile as writeInside } from './tree.ts';

/** Puts hook.sh to `home`/hook. */
export async function installHook(home: string): Promise<void> {
  const script = await readFile(new URL('./hook.sh', import.meta.url), 'utf8');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const hook = `${home}/hook`;
  if ((await optional(readFile(hook, 'utf8'))) !== script) await replace(hook, script, 0o755);
}

/** A file that is whole and on disk before it has its name. */
export async function replace(path: string, content: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, content, { mode, flush: true });
  await chmod(`${path}.new`, mode);
  await rename(`${path}.new`, path);
}

/** Writes files of the root: path → content. */
export async function writeRoot(root: Root, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files))
    await writeInside(root, path, content, { mode: 0o644, uid: 0, gid: 0 });
}

/** Runs what it is given one after the other. */
export function queue(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const next = last.then(action, action);
    last = next.catch(() => undefined);
    return next;
  };
}
