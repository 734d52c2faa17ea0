import { expect, test, vi } from 'vitest';
import * as Y from 'yjs';

import { addNode, connect, labelNode, moveNodes } from './commands';
import { FlowBinding } from './flow-binding';
import { FlowDoc } from './flow-doc';
import { connectAll, peer } from './testing';

test('an edit rebuilds the nodes it touched, and the others stay the same objects', () => {
  const { flow, binding } = peer();
  const ids = Array.from({ length: 100 }, (_, at) => addNode(flow, { type: 'message', place: { x: at, y: 0 } })!);
  connect(flow, { source: ids[0]!, target: ids[1]! });
  const before = binding.getView();
  const read = binding.entriesRead;

  labelNode(flow, ids[7]!, 'Seven');
  const after = binding.getView();
  expect(binding.entriesRead - read).toBe(1);
  expect(after.nodes.filter((node, at) => node !== before.nodes[at]).map(({ label }) => label)).toEqual(['Seven']);
  expect(after.edges).toBe(before.edges);
  expect(after.meta).toBe(before.meta);
});

test('a move touches the node that moved', () => {
  const { flow, binding } = peer();
  const [a, b] = [addNode(flow, { type: 'end', place: { x: 0, y: 0 } })!, addNode(flow, { type: 'end', place: { x: 9, y: 9 } })!];
  const still = binding.node(b);
  moveNodes(flow, new Map([[a, { x: 5.4, y: 6.6 }]]));
  expect(binding.node(a)?.place).toEqual({ x: 5, y: 7 });
  expect(binding.node(b)).toBe(still);
});

test('listeners hear of each transaction once, and of none that changes nothing they see', () => {
  const { flow, binding } = peer();
  const heard = vi.fn();
  binding.subscribe(heard);
  addNode(flow, { type: 'start', place: { x: 0, y: 0 } });
  expect(heard).toHaveBeenCalledTimes(1);
  flow.doc.transact(() => flow.settings.set('theme', 'dark'));
  expect(heard).toHaveBeenCalledTimes(1);
});

test('what others do is read as well', () => {
  const [ann, ben] = [peer(), peer()];
  connectAll(ann, ben);
  const id = addNode(ann.flow, { type: 'note', place: { x: 1, y: 2 }, data: { text: 'hi' } })!;
  expect(ben.binding.node(id)).toMatchObject({ type: 'note', data: { text: 'hi' }, place: { x: 1, y: 2 } });
});

test('no document content is too strange to be read', () => {
  const flow = new FlowDoc();
  const strange: unknown[] = [
    null, true, 7, 'text', [], [1], {}, { type: 5 }, { type: 'message', data: 'x' }, new Uint8Array([1]),
    new Y.Array(), new Y.Text('prose'), new Y.XmlElement('p'), new Y.Map(),
  ];
  flow.doc.transact(() => {
    strange.forEach((value, at) => {
      flow.nodes.set(`n${at}`, value);
      flow.edges.set(`e${at}`, value instanceof Y.AbstractType ? value.clone() : value);
      flow.layout.set(`n${at}`, value instanceof Y.AbstractType ? value.clone() : value);
      flow.meta.set('name', at);
    });
    flow.nodes.set('__proto__', { type: 'end' });
    flow.nodes.set('odd', { type: 'message', data: { blocks: [1, null, { id: 'b', text: 'plain' }], typing_ms: 'soon' } });
    flow.layout.set('odd', { x: Number.NaN, y: 1e300, w: -5 });
    flow.nodes.set('new', { type: 'teleport', data: { to: 'mars' } });
    flow.edges.set('dangling', { source: 'nowhere', target: 'odd' });
    flow.edges.set('half', { source: 'odd' });
  });
  const { nodes, edges, meta } = new FlowBinding(flow).getView();
  expect(meta.name).toBe('');
  expect(edges.map(({ id }) => id)).toEqual(['dangling']);
  expect(nodes.find(({ id }) => id === 'new')).toMatchObject({ type: 'teleport', data: { to: 'mars' } });
  const odd = nodes.find(({ id }) => id === 'odd')!;
  expect(odd.data.blocks).toEqual([{ id: 'b', order: '000002', text: 'plain' }]);
  expect(Number.isFinite(odd.place.x + odd.place.y)).toBe(true);
  expect(nodes.some(({ id }) => id === '__proto__')).toBe(false);
});
