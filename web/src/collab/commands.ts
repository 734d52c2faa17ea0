// What people do to nodes and edges. Each command is one transaction and one undo
// entry, and keeps the flow whole: a removed node takes its edges with it.
import * as Y from 'yjs';

import type { NodeType } from '../model/fields.generated';
import { canonicalEnds, edgeId, newId, type EdgeEnds } from '../model/ids';
import { nodeSpec, type JsonObject } from '../model/spec';
import type { FlowDoc } from './flow-doc';
import { readEdge, readPlace, type Place } from './views';
import { fillFields } from './write';

export interface NewNode {
  type: NodeType;
  place: Place;
  label?: string;
  data?: JsonObject;
}

/** Adds a node and answers its id, or nothing if the flow may not be edited. */
export function addNode(flow: FlowDoc, { type, place, label, data = {} }: NewNode): string | null {
  const id = newId();
  const spec = nodeSpec(type);
  const made = flow.edit(() => {
    const node = new Y.Map<unknown>();
    const fields = new Y.Map<unknown>();
    node.set('type', type);
    node.set('typeVersion', spec?.version ?? 1);
    if (label) node.set('label', label);
    fillFields(fields, spec?.fields ?? [], data);
    node.set('data', fields);
    flow.nodes.set(id, node);
    flow.layout.set(id, rounded(place));
  });
  return made ? id : null;
}

/** Puts nodes elsewhere; those without a size keep the one they have. */
export function moveNodes(flow: FlowDoc, places: ReadonlyMap<string, Place>): void {
  const there = [...places].filter(([id]) => flow.nodes.has(id));
  if (there.length === 0) return;
  flow.edit(() => {
    for (const [id, place] of there) flow.layout.set(id, rounded({ ...size(readPlace(flow.layout.get(id))), ...place }));
  });
}

/** Removes nodes with their edges and layout, and edges, as one edit. */
export function remove(flow: FlowDoc, nodes: ReadonlySet<string>, edges: ReadonlySet<string> = new Set()): void {
  if (nodes.size + edges.size === 0) return;
  flow.edit(() => {
    for (const [id, entry] of [...flow.edges.entries()]) {
      const edge = readEdge(id, entry);
      if (edges.has(id) || (edge && (nodes.has(edge.source) || nodes.has(edge.target)))) flow.edges.delete(id);
    }
    for (const id of nodes) {
      releaseChildren(flow, id, nodes);
      flow.nodes.delete(id);
      flow.layout.delete(id);
    }
  });
}

/** What a removed group held stays where it is drawn, in the group's own parent. */
function releaseChildren(flow: FlowDoc, group: string, removed: ReadonlySet<string>): void {
  const entry = flow.nodes.get(group);
  const parent: unknown = entry instanceof Y.Map ? entry.get('parent') : undefined;
  const origin = readPlace(flow.layout.get(group));
  for (const [id, child] of flow.nodes.entries()) {
    if (removed.has(id) || !(child instanceof Y.Map) || child.get('parent') !== group) continue;
    const place = readPlace(flow.layout.get(id));
    if (place && origin) flow.layout.set(id, { ...place, x: place.x + origin.x, y: place.y + origin.y });
    if (typeof parent === 'string') child.set('parent', parent);
    else child.delete('parent');
  }
}

/** Draws an edge, or finds it drawn already. Answers its id. */
export function connect(flow: FlowDoc, ends: EdgeEnds): string | null {
  const canonical = canonicalEnds(ends);
  const id = edgeId(canonical);
  if (flow.edges.has(id)) return id;
  const made = flow.edit(() => flow.edges.set(id, new Y.Map(Object.entries(canonical))));
  return made ? id : null;
}

export function labelEdge(flow: FlowDoc, id: string, label: string): void {
  setOn(flow, flow.edges.get(id), 'label', label.trim() || null);
}

export function labelNode(flow: FlowDoc, id: string, label: string): void {
  setOn(flow, flow.nodes.get(id), 'label', label.trim() || null);
}

export function disableNode(flow: FlowDoc, id: string, disabled: boolean): void {
  setOn(flow, flow.nodes.get(id), 'disabled', disabled || null);
}

export function renameFlow(flow: FlowDoc, name: string): void {
  setOn(flow, flow.meta, 'name', name.trim() || null);
}

export function describeFlow(flow: FlowDoc, description: string): void {
  setOn(flow, flow.meta, 'description', description.trim() || null);
}

/** Sets a plain value, or removes it with null; says nothing that is said already. */
function setOn(flow: FlowDoc, map: unknown, key: string, value: string | boolean | null): void {
  if (!(map instanceof Y.Map) || (map.get(key) ?? null) === value) return;
  flow.edit(() => {
    if (value === null) map.delete(key);
    else map.set(key, value);
  });
}

function size(place: Place | null): Partial<Place> {
  return { ...(place?.w !== undefined && { w: place.w }), ...(place?.h !== undefined && { h: place.h }) };
}

/** Whole units: nobody sees fractions of a pixel, and everybody stores them. */
function rounded(place: Place): Record<string, number> {
  return Object.fromEntries(Object.entries(place).map(([key, value]) => [key, Math.round(value as number)]));
}
