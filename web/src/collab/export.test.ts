import { expect, test } from 'vitest';
import * as Y from 'yjs';

import { exportFlow } from './export';
import { FlowDoc } from './flow-doc';

function map(entries: Record<string, unknown>): Y.Map<unknown> {
  return new Y.Map(Object.entries(entries));
}

test('a copy has the test cases in their order, and none where there are none', () => {
  const flow = new FlowDoc();
  expect(JSON.parse(exportFlow(flow))).not.toHaveProperty('tests');
  const expectation = map({ order: 'V', type: 'contains', value: 'Hello' });
  const turns = map({ second: map({ order: 'W', say: 'Ada' }), first: map({ order: 'V', expect: map({ e: expectation }) }) });
  flow.tests.set('b', map({ order: 'W', name: 'Later' }));
  flow.tests.set('a', map({ order: 'V', variables: { x: 1 }, turns }));
  expect((JSON.parse(exportFlow(flow)) as { tests: unknown }).tests).toEqual([
    {
      id: 'a', order: 'V', variables: { x: 1 },
      turns: [
        { id: 'first', order: 'V', expect: [{ id: 'e', order: 'V', type: 'contains', value: 'Hello' }] },
        { id: 'second', order: 'W', say: 'Ada' },
      ],
    },
    { id: 'b', order: 'W', name: 'Later' },
  ]);
});

// The same as in the server's own test of it.
test('items of an array that name one id are told apart', () => {
  const flow = new FlowDoc();
  const turns = [
    { id: 'u', say: 'a' }, { id: 'u', say: 'b' }, { say: 'c' }, { id: '2', say: 'd' }, { id: 'a/b', say: 'e' },
    { id: '2-1', expect: [{ id: 'e' }, { id: 'e' }] },
  ];
  flow.tests.set('t', { order: 'V', turns });
  interface Turn { id: string; say?: string; expect?: { id: string }[] }
  const [test] = (JSON.parse(exportFlow(flow)) as { tests: { turns: Turn[] }[] }).tests;
  expect(test!.turns.map(({ id, say }) => [id, say])).toEqual([
    ['u', 'a'], ['1', 'b'], ['2-2', 'c'], ['2', 'd'], ['4', 'e'], ['2-1', undefined],
  ]);
  expect(test!.turns[5]!.expect!.map(({ id }) => id)).toEqual(['e', '1']);
});
