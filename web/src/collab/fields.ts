// Commands on a node's fields. A path is the field's name, then, for each list on
// the way, an item's id and the item's field.
import * as Y from 'yjs';

import { orderBetween, type Json } from '../model/fields.generated';
import { isKey, newId } from '../model/ids';
import { fieldAt, isObject, itemFields, nodeSpec, type JsonObject } from '../model/spec';
import type { FlowDoc } from './flow-doc';
import { fields, json, members, textOf } from './read';
import { ensureMap, newItem, shared } from './write';

export interface FieldPath {
  readonly node: string;
  readonly path: readonly string[];
}

/** Sets a field, or removes its value with undefined. */
export function setField(flow: FlowDoc, { node, path }: FieldPath, value: Json | undefined): void {
  const name = path.at(-1);
  const entry = flow.nodes.get(node);
  if (name === undefined || !(entry instanceof Y.Map)) return;
  const now = peek(entry, path);
  if (value === undefined ? now === undefined : now !== undefined && same(json(now), value)) return;
  flow.edit(() => {
    const map = container(entry, path);
    if (value === undefined || value === null) map?.delete(name);
    else map?.set(name, shared(fieldAt(typeOf(entry), path), value));
  });
}

/** Sets one named expression, renames it, or removes it with null. */
export function setExpression(flow: FlowDoc, { node, path }: FieldPath, name: string, to: { name: string; value: string } | null): void {
  const entry = flow.nodes.get(node);
  const spec = entry instanceof Y.Map ? fieldAt(typeOf(entry), path) : undefined;
  if (!(entry instanceof Y.Map) || !spec || (to && !isKey(to.name))) return;
  flow.edit(() => {
    const map = container(entry, path);
    const all = map && ensureMap(map, path.at(-1)!, spec);
    if (!all) return;
    if (to?.name !== name) all.delete(name);
    if (to) all.set(to.name, to.value);
  });
}

/** Adds an item at the end of a list and answers its id. */
export function addItem(flow: FlowDoc, at: FieldPath, values: JsonObject = {}): string | null {
  const id = newId();
  const made = editList(flow, at, (list, spec) => {
    const last = places(list).at(-1)?.order ?? null;
    list.set(id, newItem(spec, { ...values, order: orderBetween(last, null) ?? orderBetween(null, null) }));
  });
  return made ? id : null;
}

export function removeItem(flow: FlowDoc, at: FieldPath, item: string): void {
  editList(flow, at, (list) => list.delete(item));
}

/** Moves an item one place up (-1) or down (1). */
export function moveItem(flow: FlowDoc, at: FieldPath, item: string, by: -1 | 1): void {
  editList(flow, at, (list) => {
    const others = places(list).filter(({ id }) => id !== item);
    const from = places(list).findIndex(({ id }) => id === item);
    const to = from + by;
    const entry = list.get(item);
    if (from < 0 || to < 0 || to > others.length || !(entry instanceof Y.Map)) return;
    const order = orderBetween(others[to - 1]?.order ?? null, others[to]?.order ?? null);
    if (order !== null) entry.set('order', order);
    else renumber(list, [...others.slice(0, to), { id: item }, ...others.slice(to)]);
  });
}

/** The shared text at a path, if one is there. */
export function proseAt(flow: FlowDoc, { node, path }: FieldPath): Y.Text | null {
  const entry = flow.nodes.get(node);
  const value = entry instanceof Y.Map ? peek(entry, path) : undefined;
  return value instanceof Y.Text ? value : null;
}

/** The prose at a path, whatever shape it has. */
export function proseText(flow: FlowDoc, { node, path }: FieldPath): string {
  const entry = flow.nodes.get(node);
  return (entry instanceof Y.Map && textOf(peek(entry, path))) || '';
}

function editList(flow: FlowDoc, { node, path }: FieldPath, change: (list: Y.Map<unknown>, spec: NonNullable<ReturnType<typeof fieldAt>>) => void): boolean {
  const entry = flow.nodes.get(node);
  const spec = entry instanceof Y.Map ? fieldAt(typeOf(entry), path) : undefined;
  if (!(entry instanceof Y.Map) || spec?.kind !== 'list') return false;
  return flow.edit(() => {
    const map = container(entry, path);
    if (map) change(ensureMap(map, path.at(-1)!, spec), spec);
  });
}

/** Items whose orders leave no room between them (others may write anything) get new ones. */
function renumber(list: Y.Map<unknown>, items: { id: string }[]): void {
  let last: string | null = null;
  for (const { id } of items) {
    const entry = list.get(id);
    last = orderBetween(last, null);
    if (entry instanceof Y.Map) entry.set('order', last);
  }
}

function places(list: Y.Map<unknown>): { id: string; order: string }[] {
  const read = fields([['list', list]], [{ name: 'list', kind: 'list', storage: 'map', label: '', doc: '', required: false }]).list;
  return Array.isArray(read) ? read.filter(isObject).map(({ id, order }) => ({ id: id as string, order: order as string })) : [];
}

/** The value at a path as it is, through shared and plain containers alike. */
function peek(entry: Y.Map<unknown>, path: readonly string[]): unknown {
  let at: unknown = entry.get('data');
  for (const key of path) at = members(at)?.find(([name]) => name === key)?.[1];
  return at;
}

/** The shared map that holds the field at a path; containers of another shape are written anew. */
function container(entry: Y.Map<unknown>, path: readonly string[]): Y.Map<unknown> | null {
  const type = typeOf(entry);
  let map = ensureMap(entry, 'data', 'fields', nodeSpec(type)?.fields);
  for (let at = 0; at + 1 < path.length; at += 2) {
    const spec = fieldAt(type, path.slice(0, at + 1));
    if (spec?.kind !== 'list') return null;
    const list = ensureMap(map, path[at]!, spec);
    // An item that was removed meanwhile is not brought back by an edit of it.
    if (!list.has(path[at + 1]!)) return null;
    map = ensureMap(list, path[at + 1]!, 'entry', itemFields(spec));
  }
  return map;
}

function typeOf(entry: Y.Map<unknown>): string {
  return textOf(entry.get('type')) ?? '';
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
