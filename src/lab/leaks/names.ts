// Faults: the name of WARP's endpoint leads to somebody else.

import { writeInside } from '../host.ts';
import { HOME, RESOLVERS, TARGET, VPS } from '../topology.ts';
import type { Family } from './fault.ts';
import { openAll } from './opening.ts';
import { type Site, STATE } from './site.ts';

/** From now on the lab's name server says that WARP's endpoint is target. */
async function hijack(): Promise<void> {
  await writeInside('inet', '/etc/lab/names.json', JSON.stringify({ 'engage.cloudflareclient.com': TARGET.ip }), 0o644);
}

const back = async ({ run }: Site): Promise<void> => void (await run('inet', 'rm -f /etc/lab/names.json'));

const [own, servers] = [`${HOME.uplink}:\\d+`, RESOLVERS.join('|')];

export const names: Family = {
  name: 'names',
  faults: [
    {
      name: 'the endpoint’s name hijacked, WARP restarted and apply',
      why: 'the address is literal in 101, and apply keeps what it once was told',
      fault: async ({ run }) => {
        await hijack();
        await run('home', `at 101 systemctl restart wg-quick@wg-warp; op-dbus apply ${STATE} >/dev/null`);
      },
      undo: back,
      protection: openAll,
      mend: 'apply',
    },
    {
      name: 'the endpoint’s name hijacked and asked anew',
      why: "the stranger gets WARP's packets by the VPS like WARP does, and has no key for them",
      fault: async ({ run }) => {
        await hijack();
        await run('home', `op-dbus apply --resolve ${STATE} >/dev/null`);
      },
      undo: async (site) => {
        await back(site);
        await site.run('home', `op-dbus apply --resolve ${STATE} >/dev/null`);
      },
      protection: openAll,
      mend: 'itself',
      // Home asks its resolver in clear, as `apply --resolve` says; the stranger's errors are about what it got by the VPS.
      allows: new RegExp(
        `^(home: udp (${own} > (${servers}):53|(${servers}):53 > ${own})|port 102: 17 10.0.0.101 > ${TARGET.ip} .*|vps: udp ${VPS}:\\d+ > ${TARGET.ip}:2408|vps: icmp ${TARGET.ip} > ${VPS}|port 101: 1 ${TARGET.ip} .*:66)$`,
      ),
    },
  ],
};
