// The whole chain with the Proxmox backend: the proof of chain.test.ts, its two switched hosts nodes of test/pve's double.

import { source } from '../../src/drivers/source.ts';

process.env['OP_DBUS_LAB_PATH'] = source('test/pve/bin');
await import('./chain.test.ts');
