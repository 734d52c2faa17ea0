// Reading single values of the document, whatever they turn out to be. Others
// write to it too: nothing here throws, and nothing is repaired.
import * as Y from 'yjs';

import type { FieldSpec, Json } from '../model/fields.generated';
import { isKey } from '../model/ids';
import { isObject, itemFields, type JsonObject } from '../model/spec';

/** Values nested deeper are cut off. */
const DEPTH_MAX = 32;

/** The members of a shared map, or of a plain object in its place. */
export function members(value: unknown): [string, unknown][] | null {
  let all: [string, unknown][];
  if (value instanceof Y.Map) all = [...value.entries()];
  else if (isPlain(value)) all = Object.entries(value);
  else return null;
  return all.filter(([key, member]) => isKey(key) && member !== null && member !== undefined);
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Y.Text ? plain(value) : undefined;
}

function plain(text: Y.Text): string {
  // eslint-disable-next-line @typescript-eslint/no-base-to-string -- a Y.Text's own text
  return text.toString();
}

/** Any value as JSON; what is none becomes null. */
export function json(value: unknown, depth = 0): Json {
  if (depth > DEPTH_MAX) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Y.Text) return plain(value);
  if (value instanceof Y.Array) return value.toArray().map((item) => json(item, depth + 1));
  if (Array.isArray(value)) return value.map((item) => json(item, depth + 1));
  const all = members(value);
  return all && Object.fromEntries(all.map(([key, member]) => [key, json(member, depth + 1)]));
}

/** The fields of a node or an item, as the table says; unknown ones as they are. */
export function fields(all: [string, unknown][], specs: readonly FieldSpec[], depth = 0): JsonObject {
  const read: JsonObject = {};
  for (const [name, value] of all) {
    const spec = specs.find((field) => field.name === name);
    const as = spec?.kind === 'list' ? list(value, spec, depth) : json(value, depth);
    // Empty prose reads as none.
    if (as !== null && !(spec?.kind === 'prose' && as === '')) read[name] = as;
  }
  return read;
}

/** A list as an array of items with `id` and `order`, sorted by order, then id. */
function list(value: unknown, spec: FieldSpec, depth: number): Json {
  if (depth > DEPTH_MAX) return null;
  const entries = arrayEntries(value) ?? members(value);
  if (!entries) return json(value, depth);
  const items: JsonObject[] = [];
  for (const [id, entry] of entries) {
    const all = members(entry);
    if (!all) continue;
    const order = all.find(([key]) => key === 'order')?.[1];
    const rest = all.filter(([key]) => key !== 'order' && key !== 'id');
    items.push({ ...fields(rest, itemFields(spec), depth + 1), id, order: typeof order === 'string' ? order : '' });
  }
  return items.sort((a, b) => compare(a.order as string, b.order as string) || compare(a.id as string, b.id as string));
}

/**
 * An array where a list should be: not how the schema keeps lists, but plain enough. Each
 * item gets an id of its own, as the server gives it: the one it names, if no item before it
 * does, or else its place.
 */
function arrayEntries(value: unknown): [string, unknown][] | null {
  const items: unknown[] | null = value instanceof Y.Array ? value.toArray() : Array.isArray(value) ? value : null;
  if (!items) return null;
  // All that are named come first: no place takes the id of a later item.
  const taken = new Set<string>();
  const named = items.map((item) => {
    const id = isPlain(item) ? (item as JsonObject).id : undefined;
    if (typeof id !== 'string' || !isKey(id) || taken.has(id)) return undefined;
    taken.add(id);
    return id;
  });
  return items.map((item, at) => {
    const plain = json(item);
    const entry = isObject(plain) ? { order: String(at).padStart(6, '0'), ...plain } : plain;
    return [named[at] ?? placeId(at, taken), entry];
  });
}

function placeId(at: number, taken: Set<string>): string {
  let id = String(at);
  for (let others = 1; taken.has(id); others += 1) id = `${at}-${others}`;
  taken.add(id);
  return id;
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    && !(value instanceof Y.AbstractType) && !(value instanceof Uint8Array) && !(value instanceof Y.Doc);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
