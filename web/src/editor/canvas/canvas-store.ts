import { createContext, useContext } from 'react';
import { createStore, useStore, type StoreApi } from 'zustand';

export interface XY {
  x: number;
  y: number;
}

/** The fields of a node that never leave this tab. All of them, and nowhere else. */
export interface LocalNode {
  readonly selected?: boolean;
  readonly dragging?: boolean;
  readonly resizing?: boolean;
  /** Where it is while it is dragged or resized here. */
  readonly position?: XY;
  /** What it measures on this screen. */
  readonly measured?: { width: number; height: number };
  /** How large it is while it is resized here. */
  readonly size?: { width: number; height: number };
}

export interface CanvasState {
  readonly nodes: ReadonlyMap<string, LocalNode>;
  readonly selectedEdges: ReadonlySet<string>;
}

export type CanvasStore = StoreApi<CanvasState>;

export const createCanvasStore = (): CanvasStore => createStore<CanvasState>(() => ({ nodes: new Map(), selectedEdges: new Set() }));

export const CanvasContext = createContext<CanvasStore | null>(null);

export function useCanvasStore(): CanvasStore {
  const store = useContext(CanvasContext);
  if (!store) throw new Error('this is shown inside the editor only');
  return store;
}

export function useCanvas<Slice>(slice: (state: CanvasState) => Slice): Slice {
  return useStore(useCanvasStore(), slice);
}

export function selectedNodes({ nodes }: CanvasState): string[] {
  return [...nodes].filter(([, local]) => local.selected).map(([id]) => id);
}

/** Selects these and nothing else. */
export function select(store: CanvasStore, nodes: readonly string[], edges: readonly string[] = []): void {
  const wanted = new Set(nodes);
  store.setState((state) => {
    const next = new Map(state.nodes);
    for (const [id, local] of next) if (Boolean(local.selected) !== wanted.has(id)) next.set(id, { ...local, selected: wanted.has(id) });
    for (const id of wanted) if (!next.has(id)) next.set(id, { selected: true });
    return { nodes: next, selectedEdges: new Set(edges) };
  });
}
