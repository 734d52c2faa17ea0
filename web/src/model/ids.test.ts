import { expect, test } from 'vitest';

import { orderBetween } from './fields.generated';
import { canonicalEnds, edgeId, isKey, newId } from './ids';

test('edge ids are those the server computes', () => {
  for (const [source, sourceHandle, target, targetHandle, id] of [
    ['a', undefined, 'b', undefined, 'pKXZh2KaEuUVKaPPcETmmQ'],
    ['start-1', 'out', 'ask', undefined, 'V6YSEn6Gv_pGkk9vcWXhoQ'],
    ['q"uote', 'else', 'back\\slash', 'in', 'Nr2QWSI1zUAkJtzlk-bs_w'],
    ['größe', 'ja', '日本', '🙂', '5lp9awi-Hs0DjBNan3sgFw'],
    ['line\u2028sep', 'tab\there', '\u0001\u0008\u000c\n\r', '\u007f', '64Fa6QZME-4Q2kOightxew'],
  ] as const) {
    expect(edgeId({ source, sourceHandle, target, targetHandle })).toBe(id);
  }
});

test('an edge is written with the name of the default output and without an empty input', () => {
  expect(canonicalEnds({ source: 'a', target: 'b', targetHandle: null })).toEqual({ source: 'a', sourceHandle: 'out', target: 'b' });
});

test('order keys are those the server makes', () => {
  for (const [before, after, key] of [
    [null, null, 'V'],
    ['V', null, 'W'],
    ['z', null, 'zV'],
    [null, 'V', 'U'],
    [null, '1', '0V'],
    [null, '0V', '0U'],
    ['V', 'W', 'VV'],
    ['V', 'X', 'W'],
    ['V', 'W1', 'W'],
    ['VV', 'VW', 'VVV'],
    ['W', 'V', null],
    ['V', 'V', null],
    ['é', null, null],
    ['', null, null],
    [null, 'V0', null],
  ] as const) {
    expect(orderBetween(before, after), `${before} ${after}`).toBe(key);
  }
});

test('keys that would harm a reader are refused', () => {
  for (const key of ['', '__proto__', 'a/b', 'a\nb', '\u0000', '\u0085', 'x'.repeat(65)]) expect(isKey(key)).toBe(false);
  for (const key of ['a', 'ünï', 'node 1', '🙂', 'x'.repeat(64), newId()]) expect(isKey(key)).toBe(true);
});
