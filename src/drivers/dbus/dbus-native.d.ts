// The parts of dbus-native that we use: its index would bring a bus, a broker and an XML library into every bundle.

declare module 'dbus-native/lib/handshake.js' {
  import type { Duplex } from 'node:stream';

  /** Authenticates as a client; `done` is called once, unless the stream ends before. */
  const handshake: (
    stream: Duplex,
    options: { readonly authMethods: readonly string[] },
    done: (error: Error | null) => void,
  ) => void;
  export default handshake;
}

declare module 'dbus-native/lib/message.js' {
  import type { Duplex } from 'node:stream';

  type Shapes = {
    readonly plainValues: boolean;
    readonly variants: 'wrap';
    readonly ayBuffer: boolean;
    readonly returnBigInt: boolean;
  };

  const message: {
    readonly marshall: (message: object) => Uint8Array;
    /** Reads to the end of the stream; `broken` when it is no D-Bus any more, `thrown` what `on` throws. */
    readonly unmarshalMessages: (
      stream: Duplex,
      on: (message: object) => void,
      shapes: Shapes,
      broken: (error: Error) => void,
      thrown: (error: unknown) => void,
    ) => void;
  };
  export default message;
}
