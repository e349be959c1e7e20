// Ages and sizes as people read them: `12 s`, `3 min`, `1.2 MiB`. Pure.

/** Of seconds, cut to whole units: `12 s` below 2 min, `3 min` below 2 h, `5 h` below 2 d, `4 d`. */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min`;
  return whole < 172_800 ? `${Math.floor(whole / 3600)} h` : `${Math.floor(whole / 86_400)} d`;
}

const units = ['KiB', 'MiB', 'GiB', 'TiB'];

/** Of bytes: `92 B`, `1.2 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  // What rounds to 1024 of a unit is one of the next.
  const power = Math.min(units.length, Math.floor(Math.log2(bytes + bytes / 20_480) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1] ?? ''}`;
}
