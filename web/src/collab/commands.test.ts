import { expect, test } from 'vitest';
import * as Y from 'yjs';

import { edgeId } from '../model/ids';
import { addNode, connect, labelEdge, labelNode, moveNodes, remove } from './commands';
import { exportFlow } from './export';
import { addItem, moveItem, removeItem, setExpression, setField } from './fields';
import { connectAll, peer, type Peer } from './testing';

const AT = { x: 0, y: 0 };

function transactions({ flow }: Peer, act: () => void): number {
  let count = 0;
  const tally = () => (count += 1);
  flow.doc.on('update', tally);
  act();
  flow.doc.off('update', tally);
  return count;
}

test('a removed node takes its edges and its layout with it, in one transaction', () => {
  const one = peer();
  const { flow, binding } = one;
  const [a, b, c] = ['a', 'b', 'c'].map((label) => addNode(flow, { type: 'message', place: AT, label })!) as [string, string, string];
  connect(flow, { source: a, target: b });
  connect(flow, { source: b, target: c });
  const kept = connect(flow, { source: a, target: c })!;
  expect(transactions(one, () => remove(flow, new Set([b])))).toBe(1);
  expect(binding.getView().edges.map(({ id }) => id)).toEqual([kept]);
  expect(flow.layout.has(b)).toBe(false);
  flow.undo();
  expect(binding.getView()).toMatchObject({ nodes: { length: 3 }, edges: { length: 3 } });
});

test('two people who draw the same edge at once draw one', () => {
  const [ann, ben] = [peer(), peer()];
  const a = addNode(ann.flow, { type: 'start', place: AT })!;
  const b = addNode(ann.flow, { type: 'end', place: AT })!;
  Y.applyUpdate(ben.flow.doc, Y.encodeStateAsUpdate(ann.flow.doc));
  const [hers, his] = [connect(ann.flow, { source: a, target: b }), connect(ben.flow, { source: a, sourceHandle: 'out', target: b })];
  connectAll(ann, ben);
  expect(hers).toBe(his);
  expect(hers).toBe(edgeId({ source: a, sourceHandle: 'out', target: b }));
  expect(ann.binding.getView().edges).toHaveLength(1);
});

test('what a removed group held stays where it was drawn', () => {
  const { flow, binding } = peer();
  const group = addNode(flow, { type: 'group', place: { x: 100, y: 50 } })!;
  const child = addNode(flow, { type: 'end', place: { x: 10, y: 20 } })!;
  (flow.nodes.get(child) as Y.Map<unknown>).set('parent', group);
  remove(flow, new Set([group]));
  expect(binding.node(child)).toMatchObject({ parent: null, place: { x: 110, y: 70 } });
});

test('saying what is said already is no edit', () => {
  const one = peer();
  const id = addNode(one.flow, { type: 'api', place: AT, label: 'Call' })!;
  setField(one.flow, { node: id, path: ['url'] }, 'https://example.org');
  const again = transactions(one, () => {
    labelNode(one.flow, id, 'Call');
    setField(one.flow, { node: id, path: ['url'] }, 'https://example.org');
    moveNodes(one.flow, new Map([['gone', AT]]));
    remove(one.flow, new Set());
  });
  expect(again).toBe(0);
});

test('who may only view makes no edit', () => {
  const one = peer();
  const id = addNode(one.flow, { type: 'end', place: AT })!;
  one.flow.editable = false;
  const edits = transactions(one, () => {
    expect(addNode(one.flow, { type: 'end', place: AT })).toBeNull();
    labelNode(one.flow, id, 'no');
    remove(one.flow, new Set([id]));
    one.flow.undo();
  });
  expect(edits).toBe(0);
});

test('items are added, moved and removed without touching the others', () => {
  const { flow, binding } = peer();
  const node = addNode(flow, { type: 'condition', place: AT, data: { branches: [{ label: 'first' }] } })!;
  const at = { node, path: ['branches'] };
  const second = addItem(flow, at, { label: 'second' })!;
  const third = addItem(flow, at, { label: 'third' })!;
  const labels = () => (binding.node(node)!.data.branches as { label: string }[]).map(({ label }) => label);
  moveItem(flow, at, third, -1);
  expect(labels()).toEqual(['first', 'third', 'second']);
  moveItem(flow, at, third, -1);
  moveItem(flow, at, third, -1); // Already the first.
  expect(labels()).toEqual(['third', 'first', 'second']);
  removeItem(flow, at, second);
  setField(flow, { node, path: ['branches', third, 'label'] }, 'renamed');
  expect(labels()).toEqual(['renamed', 'first']);
});

test('two people add items to one new list, and both stay', () => {
  const [ann, ben] = [peer(), peer()];
  const node = addNode(ann.flow, { type: 'set', place: AT })!;
  Y.applyUpdate(ben.flow.doc, Y.encodeStateAsUpdate(ann.flow.doc));
  addItem(ann.flow, { node, path: ['assignments'] }, { variable: 'hers' });
  addItem(ben.flow, { node, path: ['assignments'] }, { variable: 'his' });
  connectAll(ann, ben);
  expect(ann.binding.node(node)?.data.assignments).toHaveLength(2);
  expect(ben.binding.node(node)?.data).toEqual(ann.binding.node(node)?.data);
});

test('an item in a list of another shape can be edited all the same', () => {
  const { flow, binding } = peer();
  const node = addNode(flow, { type: 'message', place: AT })!;
  const data = (flow.nodes.get(node) as Y.Map<unknown>).get('data') as Y.Map<unknown>;
  data.set('blocks', [{ id: 'b1', kind: 'text', text: 'plain' }]);
  setField(flow, { node, path: ['blocks', 'b1', 'text'] }, 'shared');
  expect(binding.node(node)?.data.blocks).toMatchObject([{ id: 'b1', text: 'shared' }]);
  expect(data.get('blocks')).toBeInstanceOf(Y.Map);
});

test('an edit of an item that was removed does not bring it back', () => {
  const { flow, binding } = peer();
  const node = addNode(flow, { type: 'set', place: AT })!;
  setField(flow, { node, path: ['assignments', 'gone', 'variable'] }, 'x');
  expect(binding.node(node)?.data.assignments).toEqual([]);
});

test('expressions are named, renamed and removed', () => {
  const { flow, binding } = peer();
  const node = addNode(flow, { type: 'end', place: AT })!;
  const at = { node, path: ['output'] };
  setExpression(flow, at, '', { name: 'total', value: 'a + b' });
  setExpression(flow, at, 'total', { name: 'sum', value: 'a + b' });
  expect(binding.node(node)?.data.output).toEqual({ sum: 'a + b' });
  setExpression(flow, at, 'sum', null);
  expect(binding.node(node)?.data.output).toEqual({});
});

test('a copy is exported in the form that flows are imported from', () => {
  const { flow } = peer();
  const start = addNode(flow, { type: 'start', place: { x: 3, y: 4 }, label: 'Go' })!;
  const end = addNode(flow, { type: 'end', place: AT, data: { message: 'Bye 🙂' } })!;
  const edge = connect(flow, { source: start, target: end })!;
  labelEdge(flow, edge, 'on');
  flow.doc.transact(() => {
    flow.meta.set('lineage', '0190c5c0-0000-7000-8000-000000000000');
    flow.meta.set('tags', new Y.Map([['demo', true]]));
    flow.layout.set('gone', { x: 1, y: 1 });
  });
  const form = JSON.parse(exportFlow(flow)) as { nodes: { id: string; data: { message?: string } }[]; layout: object };
  expect(form).toMatchObject({ interflow: 1, tags: ['demo'], edges: [{ id: edge, source: start, sourceHandle: 'out', target: end, label: 'on' }] });
  expect(form).not.toHaveProperty('lineage');
  expect(Object.keys(form.layout).sort()).toEqual([start, end].sort());
  expect(form.nodes.find(({ id }) => id === end)?.data.message).toBe('Bye 🙂');
});
