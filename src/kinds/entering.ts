// How a person gets into a container's network with a program of the host's: for commands that are shown.

/** The prefix of such a command: by the process that the start hook has noted, on each backend. */
export function entering(container: string): string {
  return `nsenter --net=/proc/$(cut -d ' ' -f 1 /var/lib/op-dbus/container/${container}/pid)/ns/net `;
}
