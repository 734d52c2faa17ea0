import { expect, test } from 'vitest';

import { linkState } from './link-text';

const now = new Date('2026-01-10T12:00:00Z');
const createdAt = '2026-01-01T12:00:00Z';

test('a link says whether it ends, will end, or has ended', () => {
  expect(linkState({ createdAt, expiresAt: null }, now)).toMatch(/^made .+, until revoked$/);
  expect(linkState({ createdAt, expiresAt: '2026-01-11T12:00:00Z' }, now)).toMatch(/, until .*11/);
  expect(linkState({ createdAt, expiresAt: '2026-01-09T12:00:00Z' }, now)).toMatch(/, expired .*9/);
  expect(linkState({ createdAt, expiresAt: now.toISOString() }, now)).toContain('expired');
});
