import type { EdgeChange, NodeChange } from '@xyflow/react';
import { useCallback } from 'react';

import { moveNodes } from '../../collab/commands';
import { useSession } from '../../collab/use-flow-session';
import type { Place } from '../../collab/views';
import { useCanvasStore, type CanvasState, type LocalNode } from './canvas-store';
import type { FlowNode } from './canvas-nodes';

/**
 * Takes the canvas's changes. What concerns this tab stays here; a place or a size
 * goes into the document once, when the gesture ends. Until then others see the
 * drag through presence.
 */
export function useNodeChanges(): (changes: NodeChange<FlowNode>[]) => void {
  const store = useCanvasStore();
  const { flow, presence, binding } = useSession();
  return useCallback((changes) => {
    const locals = new Map(store.getState().nodes);
    const dropped = new Map<string, Place>();
    const drop = (id: string, place: Partial<Place>) => {
      const now = binding.node(id)?.place;
      if (now) dropped.set(id, { x: now.x, y: now.y, ...dropped.get(id), ...place });
    };
    for (const change of changes) {
      if (!('id' in change)) continue;
      const { id } = change;
      const local = locals.get(id) ?? {};
      if (change.type === 'select') locals.set(id, { ...local, selected: change.selected });
      if (change.type === 'position' && change.position) {
        if (change.dragging) locals.set(id, { ...local, dragging: true, position: change.position });
        else drop(id, change.position);
      } else if (change.type === 'position' && local.dragging && local.position) drop(id, local.position);
      if (change.type === 'dimensions') locals.set(id, resized(local, change));
      if (change.type === 'dimensions' && change.resizing === false && local.size) {
        drop(id, { w: local.size.width, h: local.size.height });
      }
    }
    for (const id of dropped.keys()) locals.set(id, settled(locals.get(id)));
    const moved = [...dropped].filter(([id, place]) => !samePlace(binding.node(id)?.place, place));
    // The document first: a node that is let go of must not jump back in between.
    moveNodes(flow, new Map(moved));
    store.setState({ nodes: prune(locals, (id) => binding.node(id) !== undefined) });
    presence.show({ drag: dragsOf(locals) });
  }, [store, flow, presence, binding]);
}

export function useEdgeChanges(): (changes: EdgeChange[]) => void {
  const store = useCanvasStore();
  return useCallback((changes) => {
    const selectedEdges = new Set(store.getState().selectedEdges);
    for (const change of changes) {
      if (change.type !== 'select') continue;
      if (change.selected) selectedEdges.add(change.id);
      else selectedEdges.delete(change.id);
    }
    store.setState({ selectedEdges });
  }, [store]);
}

function resized(local: LocalNode, change: Extract<NodeChange<FlowNode>, { type: 'dimensions' }>): LocalNode {
  const measured = change.dimensions ?? local.measured;
  const next: LocalNode = { ...local, ...(measured && { measured }) };
  if (change.resizing === undefined) return next;
  return { ...next, resizing: change.resizing, ...(change.resizing && change.dimensions && { size: change.dimensions }) };
}

/** The node after a gesture: what was the gesture's is gone. */
function settled({ selected = false, measured }: LocalNode = {}): LocalNode {
  return { selected, ...(measured && { measured }) };
}

function dragsOf(locals: CanvasState['nodes']): Record<string, { x: number; y: number }> | null {
  const drags = [...locals].flatMap(([id, { dragging, position }]) => (dragging && position ? [[id, round(position)] as const] : []));
  return drags.length > 0 ? Object.fromEntries(drags) : null;
}

function round({ x, y }: { x: number; y: number }): { x: number; y: number } {
  return { x: Math.round(x), y: Math.round(y) };
}

function samePlace(a: Place | undefined, b: Place): boolean {
  return a !== undefined && a.x === Math.round(b.x) && a.y === Math.round(b.y) && (b.w === undefined || a.w === b.w) && (b.h === undefined || a.h === b.h);
}

function prune(locals: Map<string, LocalNode>, exists: (id: string) => boolean): Map<string, LocalNode> {
  for (const id of locals.keys()) if (!exists(id)) locals.delete(id);
  return locals;
}
