// The system bus of this machine, by its socket.

import { OpError } from '../../error.ts';
import type { Bus, DBus } from './contract.ts';
import { session } from './session.ts';
import { openSocket } from './wire.ts';

/** Where the system bus listens (D-Bus Specification, "System message bus"). */
const SOCKET = '/run/dbus/system_bus_socket';

/** `deadline`: milliseconds until a bus that doesn't answer the handshake is given up. */
export function systemBus(path: string = SOCKET, deadline = 10_000): DBus {
  let open: Promise<Bus> | null = null;
  return {
    system: () => {
      if (open !== null) return open;
      const opening = connectBus(path, deadline);
      open = opening;
      const forget = (): void => {
        if (open === opening) open = null;
      };
      opening.then(({ ended }) => ended.then(forget), forget);
      return opening;
    },
    close: async () => {
      const last = open;
      open = null;
      if (last === null) return;
      const bus = await last.catch(() => null);
      await bus?.close();
    },
  };
}

/** A connection of its own to the bus at a socket. @throws OpError `host` or `timeout`. */
export async function connectBus(path: string, deadline = 10_000): Promise<Bus> {
  const wire = await openSocket(path, deadline);
  try {
    return await session(wire);
  } catch (cause) {
    wire.end();
    if (cause instanceof OpError) throw cause;
    throw new OpError('internal', 'the message bus: no hello', { cause });
  }
}
