import { expect, test } from 'vitest';

import { addNode, connect, labelNode, moveNodes } from './commands';
import { editProse } from './prose';
import { connectAll, peer } from './testing';

const AT = { x: 0, y: 0 };

test('undo takes back own edits only, whoever edited last', () => {
  const [ann, ben] = [peer(), peer()];
  connectAll(ann, ben);
  const hers = addNode(ann.flow, { type: 'message', place: AT })!;
  const his = addNode(ben.flow, { type: 'message', place: AT })!;
  labelNode(ben.flow, hers, 'named by Ben');
  ann.flow.undo();
  expect(ben.binding.getView().nodes.map(({ id }) => id)).toEqual([his]);
  ann.flow.undo();
  expect(ben.binding.getView().nodes).toHaveLength(1);
  ann.flow.redo();
  expect(ben.binding.node(hers)).toBeDefined();
});

test('each gesture is one entry, however fast they follow each other', () => {
  const { flow, binding } = peer();
  const a = addNode(flow, { type: 'start', place: AT })!;
  const b = addNode(flow, { type: 'end', place: AT })!;
  connect(flow, { source: a, target: b });
  moveNodes(flow, new Map([[a, { x: 1, y: 1 }], [b, { x: 2, y: 2 }]]));
  flow.undo();
  expect(binding.node(a)?.place).toEqual(AT);
  expect(binding.node(b)?.place).toEqual(AT);
  expect(binding.getView().edges).toHaveLength(1);
  flow.undo();
  expect(binding.getView()).toMatchObject({ nodes: { length: 2 }, edges: { length: 0 } });
});

test('a bout of typing is one entry, and another field begins another', () => {
  const { flow, binding } = peer();
  const [a, b] = [addNode(flow, { type: 'note', place: AT })!, addNode(flow, { type: 'note', place: AT })!];
  const write = (node: string, index: number, insert: string) => editProse(flow, { node, path: ['text'] }, { index, remove: 0, insert });
  write(a, 0, 'o');
  write(a, 1, 'k');
  write(b, 0, 'other');
  flow.undo();
  expect(binding.node(b)?.data.text).toBeUndefined();
  expect(binding.node(a)?.data.text).toBe('ok');
  flow.undo();
  expect(binding.node(a)?.data.text).toBeUndefined();
  expect(binding.getView().nodes).toHaveLength(2);
});
