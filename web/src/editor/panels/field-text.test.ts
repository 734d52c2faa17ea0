import { expect, test } from 'vitest';

import type { FieldSpec } from '../../model/fields.generated';
import { parseField, printField } from './field-text';

test('a value survives its text box', () => {
  const field = (kind: FieldSpec['kind'], more: Partial<FieldSpec> = {}): FieldSpec => ({ name: 'f', label: '', doc: '', kind, storage: 'value', required: false, ...more });
  for (const value of ['word', 'two words', '5', 'true', '', '"quoted"', 5, 0, false, [1, 'a'], { a: null }]) {
    expect(parseField(field('json'), printField(field('json'), value)), JSON.stringify(value)).toEqual({ value });
  }
  expect(parseField(field('int', { min: 0 }), '0')).toEqual({ value: 0 });
  expect(parseField(field('int', { min: 1 }), '0')).toEqual({ error: 'At least 1.' });
  expect(parseField(field('int'), '1.5')).toEqual({ error: 'Whole numbers only.' });
  expect(parseField(field('number'), 'x')).toEqual({ error: 'This is not a number.' });
  expect(parseField(field('variable'), '2nd')).toHaveProperty('error');
  expect(parseField(field('texts'), 'a\n\n b ')).toEqual({ value: ['a', 'b'] });
  expect(parseField(field('text'), '  ')).toEqual({ value: undefined });
});
