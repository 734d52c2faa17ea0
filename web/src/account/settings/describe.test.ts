import { expect, test } from 'vitest';

import type { ApiKey } from '../../api/types';
import { browserOf, expiresAt, moment, stateOf } from './describe';

test('a browser is shown by the name that people know', () => {
  for (const [agent, name] of [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36', 'Chrome on Windows'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0', 'Edge on Windows'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15', 'Safari on macOS'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1', 'Safari on iOS'],
    ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36', 'Chrome on Android'],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36', 'Chrome on Linux'],
    ['curl/8.14.1', 'curl/8.14.1'],
    ['', 'Unknown program'],
    [null, 'Unknown program'],
  ] as const) {
    expect(browserOf(agent)).toBe(name);
  }
});

test('a key ends so many days from now, or not at all', () => {
  const now = new Date('2026-11-26T12:00:00Z');
  expect(expiresAt(30, now)).toBe('2026-12-26T12:00:00.000Z');
  expect(expiresAt(null, now)).toBeUndefined();
});

test('of a key it is said until when it is good and when it was used', () => {
  const now = new Date('2026-11-26T12:00:00Z');
  const key: ApiKey = { id: 'k', name: 'Bot', scopes: ['read'], createdAt: '2026-11-01T12:00:00Z', expiresAt: null, lastUsedAt: null };
  const [past, future] = ['2026-11-26T12:00:00Z', '2026-11-26T12:00:01Z'];
  expect(stateOf(key, now)).toBe('never used');
  expect(stateOf({ ...key, lastUsedAt: past }, now)).toBe(`last used ${moment(past)}`);
  expect(stateOf({ ...key, expiresAt: future }, now)).toBe(`until ${moment(future)}, never used`);
  expect(stateOf({ ...key, expiresAt: past }, now)).toBe(`expired ${moment(past)}, never used`);
});
