import { expect, test } from 'vitest';

import { slugOf, slugProblem } from './slug';

test('a slug is made of the words of a name', () => {
  for (const [name, slug] of [
    ['Order status', 'order-status'],
    ['  Où est – ma commande? ', 'ou-est-ma-commande'],
    ['Größe & Straße', 'grosse-strasse'],
    ['Łódź 2', 'lodz-2'],
    ['FAQ', 'faq'],
    ['a', ''],
    ['日本', ''],
    ['日本 bot', 'bot'],
    ['---', ''],
    ['x'.repeat(80), 'x'.repeat(64)],
    [`${'x'.repeat(63)} yz`, 'x'.repeat(63)],
  ] as const) {
    expect(slugOf(name)).toBe(slug);
    if (slug) expect(slugProblem(slug)).toBeNull();
  }
});

test('what cannot be a slug is said why', () => {
  for (const slug of ['', 'ab', 'x'.repeat(65)]) expect(slugProblem(slug)).toMatch('characters');
  for (const slug of ['Abc', 'a b', '-abc', 'abc-', 'a--b', 'größe']) expect(slugProblem(slug)).toMatch('hyphens');
});
