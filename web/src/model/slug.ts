/** The lengths of what a flow may be called in addresses. */
export const SLUG_MIN = 3;
export const SLUG_MAX = 64;

const FORM = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Letters that do not come apart into one of a to z and a mark. */
const SPELLED: Record<string, string> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i' };

/** What a flow of this name might be called in addresses; empty where the name says nothing that could be in one. */
export function slugOf(name: string): string {
  const plain = name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/\P{ASCII}/gu, (letter) => SPELLED[letter] ?? '-');
  const words = plain.split(/[^a-z0-9]+/).filter((word) => word !== '');
  const slug = words.join('-').slice(0, SLUG_MAX).replace(/-$/, '');
  return slug.length < SLUG_MIN ? '' : slug;
}

/** What is wrong with a slug, as far as that can be said here; the server knows which are taken or reserved. */
export function slugProblem(slug: string): string | null {
  if (slug.length < SLUG_MIN || slug.length > SLUG_MAX) return `Use ${SLUG_MIN} to ${SLUG_MAX} characters.`;
  return FORM.test(slug) ? null : 'Use small letters, digits, and single hyphens between them.';
}
