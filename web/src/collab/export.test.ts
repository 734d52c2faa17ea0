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
