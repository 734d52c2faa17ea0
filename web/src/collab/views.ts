// What the document says, as plain immutable values. An unchanged entry keeps its
// identity from one reading to the next.
import type * as Y from 'yjs';

import { isKey } from '../model/ids';
import { nodeSpec, type JsonObject } from '../model/spec';
import { fields, json, members, textOf } from './read';

export interface NodeView {
  readonly id: string;
  readonly type: string;
  readonly label: string;
  readonly disabled: boolean;
  readonly parent: string | null;
  readonly data: JsonObject;
  readonly place: Place;
}

/** Where a node is drawn, relative to its parent. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly w?: number;
  readonly h?: number;
}

export interface EdgeView {
  readonly id: string;
  readonly source: string;
  readonly sourceHandle: string | null;
  readonly target: string;
  readonly targetHandle: string | null;
  readonly label: string;
}

export interface MetaView {
  readonly name: string;
  readonly description: string;
  readonly lineage: string | null;
}

/** Coordinates beyond this are a mistake and would make the canvas useless. */
const FAR = 1_000_000;

export function readNode(id: string, entry: unknown, layout: unknown): NodeView | null {
  const all = isKey(id) ? members(entry) : null;
  if (!all) return null;
  const get = (key: string) => all.find(([name]) => name === key)?.[1];
  const type = textOf(get('type')) ?? '';
  return {
    id,
    type,
    label: textOf(get('label')) ?? '',
    disabled: get('disabled') === true,
    parent: textOf(get('parent')) ?? null,
    data: fields(members(get('data')) ?? [], nodeSpec(type)?.fields ?? []),
    place: readPlace(layout) ?? somewhere(id),
  };
}

export function readPlace(layout: unknown): Place | null {
  const value = Object.fromEntries(members(layout) ?? []);
  const x = within(value.x);
  const y = within(value.y);
  if (x === null || y === null) return null;
  const w = within(value.w);
  const h = within(value.h);
  return { x, y, ...(w !== null && w > 0 && { w }), ...(h !== null && h > 0 && { h }) };
}

export function readEdge(id: string, entry: unknown): EdgeView | null {
  const all = isKey(id) ? members(entry) : null;
  if (!all) return null;
  const text = (key: string) => textOf(all.find(([name]) => name === key)?.[1]);
  const source = text('source');
  const target = text('target');
  if (source === undefined || target === undefined) return null;
  const view = { id, source, target, label: text('label') ?? '' };
  return { ...view, sourceHandle: text('sourceHandle') || null, targetHandle: text('targetHandle') || null };
}

export function readMeta(meta: Y.Map<unknown>): MetaView {
  const text = (key: string) => textOf(meta.get(key));
  return { name: text('name') ?? '', description: text('description') ?? '', lineage: text('lineage') ?? null };
}

export function readVariables(variables: Y.Map<unknown>): string[] {
  return (members(variables) ?? []).map(([name]) => name).sort();
}

function within(value: unknown): number | null {
  const number = json(value);
  return typeof number === 'number' && Math.abs(number) <= FAR ? number : null;
}

/** A node without a place is drawn at one that is the same for everybody. */
function somewhere(id: string): Place {
  let hash = 7;
  for (const char of id) hash = (hash * 31 + char.codePointAt(0)!) % 9_973;
  return { x: (hash % 7) * 260, y: (hash % 11) * 120 };
}
