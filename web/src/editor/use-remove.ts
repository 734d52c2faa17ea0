import { useCallback } from 'react';

import { remove } from '../collab/commands';
import { useSession } from '../collab/use-flow-session';
import { select, selectedNodes, useCanvasStore } from './canvas/canvas-store';

/** Removes what is selected, as one edit. */
export function useRemoveSelected(): () => void {
  const { flow } = useSession();
  const store = useCanvasStore();
  return useCallback(() => {
    const state = store.getState();
    remove(flow, new Set(selectedNodes(state)), state.selectedEdges);
    select(store, []);
  }, [flow, store]);
}
