import { expect, test } from 'vitest';

import { initials } from './avatar';

test('initials are those of the first and the last name', () => {
  expect(['Ann', 'Ann Lee', ' ann van lee ', '', 'Zoe (guest)', 'Zoe May (guest)', 'Guest'].map(initials)).toEqual(['A', 'AL', 'AL', '?', 'Z', 'ZM', 'G']);
});
