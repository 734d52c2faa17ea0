import { expect, test } from 'vitest';

import { formatDuration, parseDuration } from './duration';
import { applies, fieldAt, handlesOf, nodeSpec } from './spec';

test('a field applies only while those it depends on do', () => {
  const { fields } = nodeSpec('api')!;
  const body = fields.find(({ name }) => name === 'body')!;
  expect(applies(body.when, fields, {})).toBe(false);
  expect(applies(body.when, fields, { body_kind: 'json' })).toBe(true);
  expect(applies(body.when, fields, { body_kind: 'json', mode: 'mock' })).toBe(false);
});

test('outputs follow the fields', () => {
  const outputs = (type: string, data: Parameters<typeof handlesOf>[1]) => handlesOf(nodeSpec(type)!, data).map(({ id }) => id);
  expect(outputs('message', {})).toEqual(['out']);
  expect(outputs('message', { onError: 'port' })).toEqual(['out', 'error']);
  expect(outputs('condition', { branches: [{ id: 'b1', order: 'V' }, { id: 'b2', order: 'W' }] })).toEqual(['b1', 'b2', 'else']);
  const options = [{ id: 'o1', order: 'V', own_port: true }, { id: 'o2', order: 'W', own_port: false }];
  expect(outputs('input', { options })).toEqual(['out']);
  expect(outputs('input', { kind: 'choice', options, timeout_ms: 1 })).toEqual(['out', 'o1', 'default', 'timeout']);
  expect(outputs('condition', { branches: 'malformed' })).toEqual(['else']);
});

test('a path leads through lists to a field', () => {
  expect(fieldAt('condition', ['branches', 'b', 'rules', 'r', 'left'])?.kind).toBe('expression');
  expect(fieldAt('condition', ['branches', 'b', 'nothing'])).toBeUndefined();
  expect(fieldAt('toString', ['branches'])).toBeUndefined();
});

test('durations are read as people write them, and written so that they can be read', () => {
  for (const [text, ms] of [['30s', 30_000], ['1h 30m', 5_400_000], ['250', 250], ['1.5S', 1_500], ['2d', 172_800_000]] as const) {
    expect(parseDuration(text)).toBe(ms);
    expect(parseDuration(formatDuration(ms))).toBe(ms);
  }
  for (const text of ['', 'soon', '5 parsecs', '-3s']) expect(parseDuration(text)).toBeNull();
});
