import type { Edge, Node } from '@xyflow/react';

import type { Point } from '../../collab/presence';
import type { EdgeView, NodeView } from '../../collab/views';
import { DEFAULT_OUTPUT } from '../../model/fields.generated';
import { handlesOf, nodeSpec } from '../../model/spec';
import type { CanvasState, LocalNode } from './canvas-store';

export interface FlowNodeData extends Record<string, unknown> {
  view: NodeView;
  /** Outputs that edges leave by though the node does not offer them, joined by newlines. */
  strays: string;
  /** An edge arrives though the node takes none. */
  strayInput: boolean;
}

export type FlowNode = Node<FlowNodeData>;

/** About what a step measures, for when it has not been drawn yet. */
const STEP = { w: 224, h: 96 };

interface Made {
  from: readonly unknown[];
  node: FlowNode;
}

/**
 * Makes the canvas's nodes from the document, this tab's own fields and what
 * others drag. A node of which nothing changed stays the same object.
 */
export class NodeMaker {
  private made = new Map<string, Made>();

  make(views: readonly NodeView[], edges: readonly EdgeView[], locals: CanvasState['nodes'], drags: ReadonlyMap<string, Point>): FlowNode[] {
    const byId = new Map(views.map((view) => [view.id, view]));
    const ends = endsOf(edges);
    const next = new Map<string, Made>();
    const nodes = inOrder(views, byId).map(({ view, parent }) => {
      const local = locals.get(view.id);
      const from = [view, local, drags.get(view.id), parent, strays(view, ends.out.get(view.id)), ends.in.has(view.id) && !nodeSpec(view.type)?.hasInput];
      const before = this.made.get(view.id);
      const same = before?.from.every((part, at) => part === from[at]);
      const made = before && same ? before : { from, node: makeNode(view, local, drags.get(view.id), parent, from[4] as string, from[5] as boolean) };
      next.set(view.id, made);
      return made.node;
    });
    this.made = next;
    return nodes;
  }
}

function makeNode(view: NodeView, local: LocalNode | undefined, drag: Point | undefined, parent: string | null, strays: string, strayInput: boolean): FlowNode {
  const frame = view.type === 'group' ? { w: 360, h: 240 } : view.type === 'note' ? { w: 220, h: 140 } : null;
  const { x, y, w, h } = view.place;
  return {
    id: view.id,
    type: frame ? view.type : 'step',
    position: local?.position ?? (drag && { x: drag.x, y: drag.y }) ?? { x, y },
    data: { view, strays, strayInput },
    ...(parent !== null && { parentId: parent }),
    ...(frame && { width: local?.size?.width ?? w ?? frame.w, height: local?.size?.height ?? h ?? frame.h }),
    ...(!frame && { initialWidth: STEP.w, initialHeight: STEP.h }),
    ...(view.type === 'group' && { zIndex: -1 }),
    ...(local?.measured && { measured: local.measured }),
    selected: local?.selected ?? false,
    dragging: local?.dragging ?? false,
  };
}

/** Parents before what they hold, as the canvas wants it. A parent that is none counts as no parent. */
function inOrder(views: readonly NodeView[], byId: ReadonlyMap<string, NodeView>): { view: NodeView; parent: string | null }[] {
  const depth = (view: NodeView): number => {
    let at: NodeView | undefined = view;
    const seen = new Set<string>();
    while (at && !seen.has(at.id)) {
      seen.add(at.id);
      const parent: NodeView | undefined = at.parent === null ? undefined : byId.get(at.parent);
      if (parent?.type !== 'group') return seen.size - 1;
      at = parent;
    }
    return 0; // Groups that hold each other hold nothing.
  };
  const all = views.map((view) => ({ view, deep: depth(view) }));
  return all.sort((a, b) => a.deep - b.deep).map(({ view, deep }) => ({ view, parent: deep > 0 ? view.parent : null }));
}

function endsOf(edges: readonly EdgeView[]): { out: Map<string, Set<string>>; in: Set<string> } {
  const ends = { out: new Map<string, Set<string>>(), in: new Set<string>() };
  for (const { source, sourceHandle, target } of edges) {
    const used = ends.out.get(source) ?? new Set();
    ends.out.set(source, used.add(sourceHandle ?? DEFAULT_OUTPUT));
    ends.in.add(target);
  }
  return ends;
}

function strays(view: NodeView, used: ReadonlySet<string> | undefined): string {
  if (!used) return '';
  const spec = nodeSpec(view.type);
  const offered = new Set(spec ? handlesOf(spec, view.data).map(({ id }) => id) : []);
  return [...used].filter((handle) => !offered.has(handle)).sort().join('\n');
}

/** Edges between nodes that are there. */
export function makeEdges(edges: readonly EdgeView[], nodes: readonly NodeView[], selected: ReadonlySet<string>): Edge[] {
  const there = new Set(nodes.map(({ id }) => id));
  return edges.filter(({ source, target }) => there.has(source) && there.has(target)).map((view) => makeEdge(view, selected.has(view.id)));
}

const madeEdges = new WeakMap<EdgeView, Map<boolean, Edge>>();

function makeEdge(view: EdgeView, selected: boolean): Edge {
  const made = madeEdges.get(view) ?? new Map<boolean, Edge>();
  madeEdges.set(view, made);
  const { id, source, target, label } = view;
  const edge = made.get(selected) ?? { id, source, target, sourceHandle: view.sourceHandle ?? DEFAULT_OUTPUT, label, selected, type: 'flow' };
  made.set(selected, edge);
  return edge;
}
