import type { ApiKey, Scope } from '../../api/types';

const BROWSERS: [RegExp, string][] = [
  // Those that call themselves others, too, come first.
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];

const SYSTEMS: [RegExp, string][] = [
  [/\b(iPhone|iPad)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

/** A browser as people know it. Programs are shown as what they call themselves. */
export function browserOf(userAgent: string | null): string {
  if (!userAgent) return 'Unknown program';
  const find = (among: [RegExp, string][]) => among.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  if (!browser) return userAgent;
  return system ? `${browser} on ${system}` : browser;
}

export function moment(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

export const SCOPES: [Scope, string][] = [
  ['read', 'See flows'],
  ['edit', 'Create and edit flows'],
  ['run', 'Start and stop runs'],
  ['manage', 'Manage members, delete flows'],
];

/** How long a new key may live, in days; null: until it is revoked. */
export const LIFETIMES: [string, number | null][] = [
  ['30 days', 30],
  ['90 days', 90],
  ['One year', 365],
  ['Until revoked', null],
];

export function expiresAt(days: number | null, now: Date): string | undefined {
  return days === null ? undefined : new Date(now.getTime() + days * 86_400_000).toISOString();
}

/** What there is to say of a key beside its name. */
export function stateOf(key: ApiKey, now: Date): string {
  const end = key.expiresAt === null ? null : new Date(key.expiresAt);
  const used = key.lastUsedAt === null ? 'never used' : `last used ${moment(key.lastUsedAt)}`;
  if (end && end <= now) return `expired ${moment(key.expiresAt!)}, ${used}`;
  return end ? `until ${moment(key.expiresAt!)}, ${used}` : used;
}
