// Whom a policy is about: its selector, and the variables that its template may hold.

/** A port that a policy may select, and what its variables stand for. */
export type Target = {
  readonly id: number;
  /** The container's name; of a discovered one, its port's. */
  readonly name: string;
  readonly bridge: string;
  /** The OVS Port row, and the Interface and device. */
  readonly row: string;
  readonly device: string;
  readonly mac: string;
  readonly ip: string;
};

/** Whether `selector` means this target. Of a port either name may fit: its row's or its device's. */
export function selects(selector: string, { id, name, row, device }: Omit<Target, 'bridge' | 'mac' | 'ip'>): boolean {
  const [sort = '', what = ''] = selector.split(':');
  if (sort === 'port') return [row, device].some((port) => glob(what).test(port));
  if (what === '*' || what === name) return true;
  const [, low, high = low] = /^([0-9]+)(?:-([0-9]+))?$/.exec(what) ?? [];
  return Number(low) <= id && id <= Number(high);
}

/** Whether it may mean several: then one that a policy can't be about is left out, not an error. */
export function isPattern(selector: string): boolean {
  return /[*?]|^container:[0-9]+-/.test(selector);
}

/** `{container_id}`, `{port_name}`, `{ip}` and `{mac}` replaced; others stay. */
export function fillIn(text: string, target: Target): string {
  return text.replaceAll(/\{([^{}]*)\}/g, (whole, name: string) =>
    Object.hasOwn(variables, name) ? variables[name as keyof typeof variables](target) : whole,
  );
}

/** What stands in braces and is no variable. */
export function unknownVariables(text: string): readonly string[] {
  return [...text.matchAll(/\{([^{}]*)\}/g)]
    .map(([, name = '']) => name)
    .filter((name) => !Object.hasOwn(variables, name));
}

const variables = {
  container_id: ({ id }: Target) => `${id}`,
  port_name: ({ row }: Target) => row,
  ip: ({ ip }: Target) => ip,
  mac: ({ mac }: Target) => mac,
} as const;

export const variableNames: readonly string[] = Object.keys(variables);

function glob(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}
