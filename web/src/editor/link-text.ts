import { moment } from '../account/settings/describe';
import type { LinkRole, ShareLink } from '../api/types';

/** The roles that are made here. */
export const LINK_ROLES: LinkRole[] = ['viewer', 'editor', 'run'];

/** How long a new link may be good, in days; null: until it is revoked. */
export const LINK_LIFETIMES: [string, number | null][] = [
  ['Until revoked', null],
  ['For 1 day', 1],
  ['For 7 days', 7],
  ['For 30 days', 30],
];

export function roleText(role: LinkRole): string {
  switch (role) {
    case 'viewer': return 'May view';
    case 'editor': return 'May edit';
    case 'run': return 'May chat with it, once it is active';
  }
}

export function linkState({ createdAt, expiresAt }: Pick<ShareLink, 'createdAt' | 'expiresAt'>, now: Date): string {
  const made = `made ${moment(createdAt)}`;
  if (expiresAt === null) return `${made}, until revoked`;
  return new Date(expiresAt) <= now ? `${made}, expired ${moment(expiresAt)}` : `${made}, until ${moment(expiresAt)}`;
}
