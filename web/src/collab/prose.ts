import * as Y from 'yjs';

import { proseAt, proseText, setField, type FieldPath } from './fields';
import type { FlowDoc } from './flow-doc';

/** What changed between two texts, in UTF-16 units. Characters are never torn. */
export interface TextEdit {
  index: number;
  remove: number;
  insert: string;
}

/**
 * The smallest edit from one text to another. Where several fit (a letter typed
 * into a run of the same letter) the caret after the edit tells which was made.
 */
export function difference(before: string, after: string, caret = Infinity): TextEdit {
  const shorter = Math.min(before.length, after.length);
  const behindCaret = Math.max(0, after.length - caret);
  let end = 0;
  while (end < Math.min(shorter, behindCaret) && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  let start = 0;
  while (start < shorter - end && before[start] === after[start]) start += 1;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  if (start > 0 && isHighSurrogate(before.charCodeAt(start - 1))) start -= 1;
  if (end > 0 && isLowSurrogate(before.charCodeAt(before.length - end))) end -= 1;
  return { index: start, remove: before.length - end - start, insert: after.slice(start, after.length - end) };
}

/** Makes one edit in the prose at a path, as part of one bout of typing. */
export function editProse(flow: FlowDoc, at: FieldPath, { index, remove, insert }: TextEdit): void {
  if (remove === 0 && insert === '') return;
  const text = proseAt(flow, at);
  const before = proseText(flow, at);
  const after = before.slice(0, index) + insert + before.slice(index + remove);
  if (!text) return setField(flow, at, after);
  flow.edit(() => {
    // Embedded objects have a length but no characters: positions would be off.
    const whole = before.length !== text.length;
    if (whole) text.delete(0, text.length);
    else if (remove > 0) text.delete(index, remove);
    if (whole) text.insert(0, after);
    else if (insert !== '') text.insert(index, insert);
  }, `${at.node}/${at.path.join('/')}`);
}

/**
 * Keeps a text box and the prose at a path the same, both ways. The caret stays
 * at its words while others type. Answers how to end it.
 */
export function bindProse(flow: FlowDoc, at: FieldPath, box: HTMLTextAreaElement): () => void {
  let shown = '';
  let composing = false;
  /** What others did while an input method held the box, which must not be touched then. */
  let missed: Y.YTextEvent['delta'][] = [];

  const show = (delta?: Y.YTextEvent['delta']) => {
    shown = proseText(flow, at);
    if (box.value === shown) return;
    const { selectionStart, selectionEnd, selectionDirection } = box;
    box.value = shown;
    if (delta && box.ownerDocument.activeElement === box) {
      box.setSelectionRange(moved(selectionStart, delta), moved(selectionEnd, delta), selectionDirection);
    }
  };
  const take = () => {
    if (composing) return;
    const { index, remove, insert } = difference(shown, box.value, box.selectionEnd);
    const from = missed.reduce(moved, index);
    const to = missed.reduce(moved, index + remove);
    missed = [];
    editProse(flow, at, { index: from, remove: to - from, insert });
    show();
  };
  const start = () => (composing = true);
  const stop = () => {
    composing = false;
    take();
  };
  // The text may be replaced as a whole (undo of a removal, a malformed value made
  // whole), so it is looked up at each event instead of being watched itself.
  const changed = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => {
    if (!events.some((event) => event.path[0] === at.node || event.path.length === 0)) return;
    const text = proseAt(flow, at);
    const event = events.find(({ target }) => target === text);
    const delta = event instanceof Y.YTextEvent ? event.delta : undefined;
    if (composing && delta) missed.push(delta);
    else if (!composing) show(delta);
  };
  show();
  box.addEventListener('input', take);
  box.addEventListener('compositionstart', start);
  box.addEventListener('compositionend', stop);
  flow.nodes.observeDeep(changed);
  return () => {
    box.removeEventListener('input', take);
    box.removeEventListener('compositionstart', start);
    box.removeEventListener('compositionend', stop);
    flow.nodes.unobserveDeep(changed);
  };
}

/** Where a position is after somebody else's edit. */
export function moved(position: number, delta: Y.YTextEvent['delta']): number {
  let at = 0;
  for (const { retain, insert, delete: removed } of delta) {
    if (retain !== undefined) at += retain;
    if (typeof insert === 'string' && at < position) position += insert.length;
    if (insert !== undefined) at += typeof insert === 'string' ? insert.length : 1;
    if (removed !== undefined && at < position) position -= Math.min(removed, position - at);
  }
  return position;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
