import { expect, test } from 'vitest';

import { addNode, remove } from './commands';
import { bindProse, difference, editProse } from './prose';
import { connectAll, peer, type Peer } from './testing';

test('a change is told by the smallest edit, and no character is torn', () => {
  for (const [before, after, caret, index, removed, insert] of [
    ['', 'abc', 3, 0, 0, 'abc'],
    ['abc', '', 0, 0, 3, ''],
    ['hello world', 'hello there world', 12, 6, 0, 'there '],
    ['aaa', 'aaaa', 1, 0, 0, 'a'],
    ['aaa', 'aaaa', 4, 3, 0, 'a'],
    ['a🙂c', 'a🙃c', 3, 1, 2, '🙃'],
    ['🙂🙂', '🙂', 2, 2, 2, ''],
    ['x🙂', 'x🙂y', 4, 3, 0, 'y'],
    ['👍', '👎👍', 2, 0, 0, '👎'],
    ['\ud83d\ude42', '\ud83c\ude42', 2, 0, 2, '\ud83c\ude42'],
  ] as const) {
    expect(difference(before, after, caret), `${before} → ${after}`).toEqual({ index, remove: removed, insert });
  }
});

function box({ flow }: Peer, node: string): { element: HTMLTextAreaElement; type: (text: string, at?: number) => void } {
  const element = document.createElement('textarea');
  document.body.append(element);
  bindProse(flow, { node, path: ['text'] }, element);
  const type = (text: string, at = element.value.length) => {
    element.focus();
    element.setSelectionRange(at, at);
    element.setRangeText(text, at, at, 'end');
    element.dispatchEvent(new Event('input'));
  };
  return { element, type };
}

function shared(): { ann: Peer; ben: Peer; node: string } {
  const [ann, ben] = [peer(), peer()];
  connectAll(ann, ben);
  return { ann, ben, node: addNode(ann.flow, { type: 'note', place: { x: 0, y: 0 } })! };
}

test('two boxes on one text show the same, and the caret stays at its word', () => {
  const { ann, ben, node } = shared();
  const [hers, his] = [box(ann, node), box(ben, node)];
  hers.type('Hello 🙂 world');
  expect(his.element.value).toBe('Hello 🙂 world');
  hers.element.focus();
  hers.element.setSelectionRange(6, 8); // The emoji.
  editProse(ben.flow, { node, path: ['text'] }, { index: 0, remove: 5, insert: 'Good morning' });
  expect(hers.element.value).toBe('Good morning 🙂 world');
  const { selectionStart, selectionEnd, value } = hers.element;
  expect(value.slice(selectionStart, selectionEnd)).toBe('🙂');
});

test('what others type while an input method is open is not lost', () => {
  const { ann, ben, node } = shared();
  const hers = box(ann, node);
  hers.type('end');
  hers.element.dispatchEvent(new Event('compositionstart'));
  editProse(ben.flow, { node, path: ['text'] }, { index: 0, remove: 0, insert: 'Start, ' });
  expect(hers.element.value).toBe('end'); // Untouched while it is composed.
  hers.element.setRangeText('に', 3, 3, 'end');
  hers.element.dispatchEvent(new Event('input'));
  hers.element.dispatchEvent(new Event('compositionend'));
  expect(ben.binding.node(node)?.data.text).toBe('Start, endに');
  expect(hers.element.value).toBe('Start, endに');
});

test('the box follows a text that was removed and brought back by undo', () => {
  const { ann, ben, node } = shared();
  const his = box(ben, node);
  his.type('kept');
  remove(ann.flow, new Set([node]));
  ann.flow.undo();
  his.type('!');
  expect(ann.binding.node(node)?.data.text).toBe('kept!');
});
