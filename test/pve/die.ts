// How Proxmox's programs end when something is wrong: Perl's `die` with an exit status, and its parameter errors.

/** Ends the program: `message` goes to standard error. */
export class Die extends Error {
  /** 255 is also what a failed task leaves, and Perl when errno says nothing. */
  readonly status: number;

  constructor(message: string, status = 255) {
    super(message);
    this.name = 'Die';
    this.status = status;
  }
}

/** Field → what is wrong with it. */
export type Faults = Record<string, string>;

/** `400 Parameter verification failed.`, a line each, and how the command is called. */
export function badParameters(faults: Faults, usage = ''): Die {
  const lines = Object.entries(faults).map(([field, fault]) => `${field}: ${fault}`);
  return new Die(['400 Parameter verification failed.', ...lines, ...(usage === '' ? [] : [usage])].join('\n'));
}
