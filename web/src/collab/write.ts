// Making the document's shared types from plain values, as the field table says.
import * as Y from 'yjs';

import { orderBetween, type FieldSpec, type Json } from '../model/fields.generated';
import { isKey, newId } from '../model/ids';
import { isObject, itemFields, type JsonObject } from '../model/spec';
import { json, members } from './read';

/**
 * Fills a new map. Prose and lists are made at once, empty if need be: made later
 * by two people at a time, one of the two would be lost with what is in it.
 */
export function fillFields(map: Y.Map<unknown>, specs: readonly FieldSpec[], values: JsonObject): void {
  // A new map cannot be asked what is in it before it is in the document.
  const given = Object.entries(values).filter(([name, value]) => name !== 'id' && isKey(name) && value !== null);
  for (const [name, value] of given) map.set(name, shared(specs.find((field) => field.name === name), value));
  for (const field of specs) {
    if (given.some(([name]) => name === field.name)) continue;
    if (field.kind === 'prose') map.set(field.name, new Y.Text());
    else if (field.kind === 'list' || field.kind === 'expressions') map.set(field.name, new Y.Map());
  }
}

/** A value as the document keeps it. */
export function shared(spec: FieldSpec | undefined, value: Json): unknown {
  if (spec?.kind === 'prose' && typeof value === 'string') return new Y.Text(value);
  if (spec?.kind === 'expressions' && isObject(value)) return new Y.Map(Object.entries(value).filter(([key]) => isKey(key)));
  if (spec?.kind !== 'list' || !Array.isArray(value)) return value;
  const map = new Y.Map<unknown>();
  let last: string | null = null;
  for (const item of value.filter(isObject)) {
    const given = typeof item.order === 'string' && orderBetween(item.order, null) !== null ? item.order : null;
    last = given ?? orderBetween(last, null);
    map.set(typeof item.id === 'string' && isKey(item.id) ? item.id : newId(), newItem(spec, { ...item, order: last }));
  }
  return map;
}

export function newItem(spec: FieldSpec, values: JsonObject): Y.Map<unknown> {
  const item = new Y.Map<unknown>();
  fillFields(item, itemFields(spec), values);
  return item;
}

/**
 * The shared map under a key. What stands there in another shape is written anew
 * with the same content, so that it can be edited at all.
 */
export function ensureMap(parent: Y.Map<unknown>, key: string, spec: FieldSpec | 'fields' | 'entry', specs: readonly FieldSpec[] = []): Y.Map<unknown> {
  const there = parent.get(key);
  if (there instanceof Y.Map) return there;
  const value = json(there);
  let made: unknown;
  if (typeof spec === 'string') {
    made = new Y.Map();
    fillFields(made as Y.Map<unknown>, specs, isObject(value) ? value : {});
  } else {
    made = shared(spec, Array.isArray(value) ? value : listed(there) ?? value);
  }
  const map = made instanceof Y.Map ? made : new Y.Map<unknown>();
  parent.set(key, map);
  return map;
}

/** A plain object in a list's place, as its items. */
function listed(value: unknown): Json | null {
  const all = members(value);
  return all && all.map(([id, item]) => ({ ...(isObject(json(item)) ? (json(item) as JsonObject) : {}), id }));
}
