import { expect, test } from 'vitest';

import type { Visitor } from '../account/visitor';
import { ApiError, Unreachable } from '../api/http';
import type { Peer } from '../collab/presence';
import { peopleAmong } from './people';
import { refusalText } from './refusals';
import { isRefused } from './use-flow';

const ACCOUNT: Visitor = { kind: 'account', id: 'a', name: 'Ann' };
const GUEST: Visitor = { kind: 'guest', id: 'guest-1', name: '', link: 'ifl_one', signIn: null };
const status = (code: number) => new ApiError(code, 'x', 'x', undefined);

test('a guest whose link ended is told so, and of no sign-in they never had', () => {
  for (const reason of ['signed-out', 'no-access'] as const) {
    expect(refusalText(reason, true).short).toBe('Link ended');
    expect(refusalText(reason, false).short).not.toBe('Link ended');
  }
  expect(refusalText('too-large', true)).toBe(refusalText('too-large', false));
});

test('a token that is refused ends a guest’s visit, where an account gets another', () => {
  expect([401, 403, 404, 429, 500].map((code) => isRefused(status(code), GUEST))).toEqual([true, true, true, false, false]);
  expect([401, 403, 404, 429, 500].map((code) => isRefused(status(code), ACCOUNT))).toEqual([false, true, true, false, false]);
  expect(isRefused(new Unreachable(), GUEST)).toBe(false);
});

test('a person in two tabs is one, and guests who share an id are as many as their names', () => {
  const peer = (clientId: number, id: string, name: string): Peer => ({
    clientId, user: { id, name, color: '#000000' }, cursor: null, selection: [], drag: new Map(), field: null,
  });
  const peers = [peer(1, 'a', 'Ann'), peer(2, 'b', 'Ben'), peer(3, 'b', 'Ben'), peer(4, 'g', 'Cid (guest)'), peer(5, 'g', 'Dee (guest)')];
  expect(peopleAmong(peers, 'a').map(({ name }) => name)).toEqual(['Ben', 'Cid (guest)', 'Dee (guest)']);
});
