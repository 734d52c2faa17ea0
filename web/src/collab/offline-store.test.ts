import { expect, test } from 'vitest';
import * as Y from 'yjs';

import { addNode } from './commands';
import { FlowDoc } from './flow-doc';
import { keptFlow, OfflineStore } from './offline-store';

let count = 0;
const fresh = () => `interflow:test:${(count += 1)}`;

async function tab(name: string): Promise<{ flow: FlowDoc; store: OfflineStore }> {
  const flow = new FlowDoc();
  const store = await OfflineStore.open(name, flow.doc);
  if (!store) throw new Error('this browser keeps nothing');
  return { flow, store };
}

const draw = (flow: FlowDoc) => addNode(flow, { type: 'end', place: { x: 0, y: 0 } })!;

test('unsent edits and their count survive the page', async () => {
  const name = fresh();
  const before = await tab(name);
  const id = draw(before.flow);
  await before.store.keep({ unsent: 1, clock: 0 });
  await before.store.close();

  const after = await tab(name);
  expect(after.flow.nodes.has(id)).toBe(true);
  expect(await after.store.findUnsent()).toBe(1);
  await after.store.forgetFound();
  expect(await after.store.findUnsent()).toBe(0);
});

test('an edit whose count was not written in time is found by its clock', async () => {
  const name = fresh();
  const before = await tab(name);
  draw(before.flow);
  await before.store.close();
  expect(await (await tab(name)).store.findUnsent()).toBe(1);
});

test('a tab that goes on is not forgotten with what was found of it', async () => {
  const name = fresh();
  const [one, two] = [await tab(name), await tab(name)];
  draw(one.flow);
  await one.store.keep({ unsent: 1, clock: 0 });
  expect(await two.store.findUnsent()).toBe(1);
  draw(one.flow);
  await one.store.keep({ unsent: 2, clock: 0 });
  await two.store.forgetFound();
  expect(await two.store.findUnsent()).toBe(2);
  expect(Y.encodeStateVector(two.flow.doc)).toEqual(Y.encodeStateVector(one.flow.doc));
});

test('the flow is known offline once the server has described it, and not before', async () => {
  const name = fresh();
  expect(await keptFlow(name)).toBeUndefined();
  const { store } = await tab(name);
  expect(await keptFlow(name)).toBeUndefined();
  await store.keepFlow({ id: 'f', role: 'editor' });
  expect(await keptFlow(name)).toEqual({ id: 'f', role: 'editor' });
  await store.discard();
  expect(await keptFlow(name)).toBeUndefined();
});
