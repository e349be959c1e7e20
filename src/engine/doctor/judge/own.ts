// What op-dbus has left on the machine: a change under way or interrupted, and who can read what it keeps.

import type { Answer, Facts, Kept } from '../fact.ts';
import { broken, known, less, type Verdict, works } from '../finding.ts';

export function interrupted({ change }: Facts): Verdict {
  return known([change], ({ journal, pending, unreadable, held }) => {
    if (unreadable !== null) return broken(unreadable.message, unreadable.hint);
    if (journal !== null) {
      const named = `"${journal.action}" of ${journal.began}`;
      if (held) return works(`${named} is under way`);
      return broken(`${named} was interrupted`, `op-dbus ${journal.action} goes on, op-dbus rollback undoes it`);
    }
    if (pending !== null)
      return less(
        `"${pending.action}" of ${pending.began} is undone at ${pending.until} unless confirmed`,
        'op-dbus confirm',
      );
    return works(held ? 'one is under way' : 'none is interrupted');
  });
}

export function atBoot({ boot, init }: Facts): Verdict {
  return known([boot, init], ({ shut, installed }, first) => {
    if (shut)
      return less(
        'forwarding is shut since the boot: the host is not yet as it was applied',
        installed ? 'journalctl -u op-dbus, or op-dbus apply FILE' : 'op-dbus apply FILE',
      );
    if (installed) return works('the daemon starts, and keeps forwarding shut until the host is as it was applied');
    const supervised = 'have what starts services here run: op-dbus daemon';
    return less('nothing of ours starts', first === 'systemd' ? 'op-dbus service install' : supervised);
  });
}

/** Credentials are in both folders, and root runs by what is in them. */
export function modes(asked: Answer<Kept>): Verdict {
  return known([asked], ({ folder, mode, exposed }) => {
    if (mode === null) return works('not there yet');
    const writable = exposed.filter(({ how }) => how === 'writable');
    const shut = `chown -R root:root ${folder} && chmod -R go= ${folder}`;
    const [first] = writable;
    if (first !== undefined) return broken(`others can change ${and(first.path, writable.length)}`, shut);
    const [readable] = exposed;
    if (readable === undefined) return works(`${mode.toString(8).padStart(4, '0')}, root alone`);
    return less(`others can read ${and(readable.path, exposed.length)}`, `chmod -R go= ${folder}`);
  });
}

function and(path: string, count: number): string {
  return count === 1 ? path : `${path} and ${count - 1} more`;
}
