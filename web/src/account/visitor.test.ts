import { expect, test } from 'vitest';

import { storeName } from '../collab/offline-store';
import { accountVisitor, guestId } from './visitor';

test('what a guest keeps is apart from every account and every other link, and names no link', () => {
  const account = accountVisitor({ id: '0192d7f0-0000-7000-8000-000000000000', name: 'Ann' });
  const [one, again, other] = [guestId('ifl_one'), guestId('ifl_one'), guestId('ifl_two')];
  expect(one).toBe(again);
  expect(new Set([account.id, one, other].map((id) => storeName(id, 'f1'))).size).toBe(3);
  expect(one).toMatch(/^guest-[0-9a-f]{32}$/);
});
