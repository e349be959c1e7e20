// Whether LXC can confine a container by an AppArmor profile of its own (lxc.container.conf(5), lxc.apparmor.profile).

import { readFile, stat } from 'node:fs/promises';
import { OpError } from '../../error.ts';
import type { Exec } from '../exec.ts';
import { optional } from './record.ts';

/**
 * True when the kernel has AppArmor switched on, its policy can be written from here, and apparmor_parser(8) is there to
 * write it: Debian's kernel has the first whether or not the package `apparmor` is installed, and a mount namespace
 * without securityfs can't reach the second. With less than all of it LXC refuses to start a container that wants a
 * generated profile. `sys` is where sysfs is.
 */
export async function confines(exec: Exec, sys = '/sys'): Promise<boolean> {
  const [enabled, policy] = await Promise.all([
    optional(readFile(`${sys}/module/apparmor/parameters/enabled`, 'utf8')),
    optional(stat(`${sys}/kernel/security/apparmor/.replace`)),
  ]);
  if (enabled?.startsWith('Y') !== true || policy === null) return false;
  try {
    return (await exec(['apparmor_parser', '--version'])).code === 0;
  } catch (error) {
    if (error instanceof OpError && error.code === 'host') return false;
    throw error;
  }
}
