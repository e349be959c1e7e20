// Imported before all else by tests that make a lab: theirs lies apart, so that one that is up stays up.

process.env['OP_DBUS_LAB'] = '/var/lib/op-dbus-lab-test';
