// Loaded into each lab test's process before all else: a lab of its own, so that two can run side by side.

import { basename } from 'node:path';

const [, file] = process.argv;
if (file?.endsWith('.test.ts')) {
  process.env['OP_DBUS_LAB'] = `${process.env['OP_DBUS_LAB'] ?? '/var/lib/op-dbus-lab'}-${basename(file, '.test.ts')}`;
}
