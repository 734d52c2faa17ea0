// Durations as people write them: 500ms, 30s, 1h 30m, 2d.
const UNITS: [string, number][] = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000], ['ms', 1]];

/** Milliseconds, or nothing if the text is no duration. A bare number counts milliseconds. */
export function parseDuration(text: string): number | null {
  const compact = text.trim().toLowerCase().replace(/\s+/g, '');
  if (/^\d+$/.test(compact)) return Number(compact);
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(compact)) return null;
  let sum = 0;
  for (const [, number, , unit] of compact.matchAll(/(\d+(\.\d+)?)(ms|[dhms])/g)) {
    sum += Number(number) * UNITS.find(([name]) => name === unit)![1];
  }
  return Math.round(sum);
}

export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms <= 0) return '0ms';
  const parts: string[] = [];
  let rest = Math.round(ms);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  return parts.join(' ');
}
