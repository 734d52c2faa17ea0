// Questions asked of the field table.
import {
  ITEM_TYPES, NODE_TYPES,
  type FieldSpec, type HandleSpec, type Json, type NodeSpec, type NodeType, type When,
} from './fields.generated';

export type JsonObject = { [key: string]: Json };

/** The fields of a node type, or nothing for a type this release does not know. */
export function nodeSpec(type: string): NodeSpec | undefined {
  return Object.hasOwn(NODE_TYPES, type) ? NODE_TYPES[type as NodeType] : undefined;
}

export function itemFields(field: FieldSpec): FieldSpec[] {
  return (field.item !== undefined && ITEM_TYPES[field.item]?.fields) || [];
}

export function itemLabel(field: FieldSpec): string {
  return (field.item !== undefined && ITEM_TYPES[field.item]?.label) || 'Item';
}

/**
 * The field at a path inside a node: its name, then, for each list on the way, an
 * item's id and the item's field.
 */
export function fieldAt(type: string, path: readonly string[]): FieldSpec | undefined {
  let fields = nodeSpec(type)?.fields ?? [];
  let found: FieldSpec | undefined;
  for (let at = 0; at < path.length; at += 2) {
    found = fields.find((field) => field.name === path[at]);
    if (!found) return undefined;
    fields = itemFields(found);
  }
  return found;
}

/** Whether a field applies, given its siblings. */
export function applies(when: When | undefined, fields: readonly FieldSpec[], values: JsonObject): boolean {
  if (!when) return true;
  const field = fields.find(({ name }) => name === when.field);
  if (!field || !applies(field.when, fields, values)) return false;
  const value = values[when.field] ?? field.default;
  if (when.isSet) return value !== undefined;
  if (when.isTrue) return value === true;
  return typeof value === 'string' && (when.is?.includes(value) ?? false);
}

export interface HandleView {
  id: string;
  label: string;
  doc?: string;
}

/** The outputs one node has, given its fields. */
export function handlesOf(spec: NodeSpec, data: JsonObject): HandleView[] {
  return spec.handles
    .filter((handle) => applies(handle.when, spec.fields, data))
    .flatMap((handle) => ('perItem' in handle ? itemHandles(handle, data) : [{ id: handle.id, label: handle.label, doc: handle.doc }]));
}

function itemHandles(handle: Extract<HandleSpec, { perItem: string }>, data: JsonObject): HandleView[] {
  const items = data[handle.perItem];
  if (!Array.isArray(items)) return [];
  return items
    .filter(isObject)
    .filter((item) => typeof item.id === 'string' && (!handle.onlyIf || item[handle.onlyIf] === true))
    .map((item, at) => {
      const own = typeof item.label === 'string' ? item.label.trim() : '';
      return { id: item.id as string, label: own || `${handle.label} ${at + 1}` };
    });
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
