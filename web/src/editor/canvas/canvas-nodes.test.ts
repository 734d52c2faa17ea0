import { expect, test } from 'vitest';

import type { EdgeView, NodeView } from '../../collab/views';
import { makeEdges, NodeMaker } from './canvas-nodes';

const NONE = new Map<string, never>();

function node(id: string, more: Partial<NodeView> = {}): NodeView {
  return { id, type: 'message', label: '', disabled: false, parent: null, data: {}, place: { x: 0, y: 0 }, ...more };
}

function edge(source: string, target: string, sourceHandle: string | null = null): EdgeView {
  return { id: `${source}-${target}`, source, sourceHandle, target, targetHandle: null, label: '' };
}

test('a node of which nothing changed stays the same object', () => {
  const maker = new NodeMaker();
  const [a, b] = [node('a'), node('b')];
  const before = maker.make([a, b], [], NONE, NONE);
  const after = maker.make([a, node('b', { label: 'new' })], [], new Map([['c', { selected: true }]]), NONE);
  expect(after[0]).toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
});

test('what is dragged here is drawn where the pointer is, what others drag where theirs is', () => {
  const place = (locals: ConstructorParameters<typeof Map<string, { position: { x: number; y: number } }>>[0], drags: [string, { x: number; y: number }][]) =>
    new NodeMaker().make([node('a')], [], new Map(locals), new Map(drags))[0]!.position;
  expect(place([], [])).toEqual({ x: 0, y: 0 });
  expect(place([], [['a', { x: 5, y: 5 }]])).toEqual({ x: 5, y: 5 });
  expect(place([['a', { position: { x: 9, y: 9 } }]], [['a', { x: 5, y: 5 }]])).toEqual({ x: 9, y: 9 });
});

test('groups come before what they hold, and a parent that is none counts as none', () => {
  const views = [
    node('inner', { parent: 'group' }), node('lost', { parent: 'gone' }), node('guest', { parent: 'inner' }),
    node('group', { type: 'group', parent: 'outer' }), node('outer', { type: 'group' }),
    node('snake', { type: 'group', parent: 'tail' }), node('tail', { type: 'group', parent: 'snake' }),
  ];
  const made = new NodeMaker().make(views, [], NONE, NONE);
  const order = made.map(({ id }) => id);
  expect(order.indexOf('outer')).toBeLessThan(order.indexOf('group'));
  expect(order.indexOf('group')).toBeLessThan(order.indexOf('inner'));
  const parents = Object.fromEntries(made.map(({ id, parentId }) => [id, parentId]));
  expect(parents).toEqual({ inner: 'group', group: 'outer', outer: undefined, lost: undefined, guest: undefined, snake: undefined, tail: undefined });
});

test('edges that leave by no known output, or arrive where none is taken, are still drawn', () => {
  const views = [node('a'), node('start', { type: 'start' })];
  const edges = [edge('a', 'start', 'old-option'), edge('a', 'nowhere')];
  const [a, start] = new NodeMaker().make(views, edges, NONE, NONE);
  expect(a!.data.strays).toBe('old-option');
  expect(start!.data.strayInput).toBe(true);
  expect(makeEdges(edges, views, new Set()).map(({ id }) => id)).toEqual(['a-start']);
});
