import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';

import { tokensOf } from '../account/tokens';
import { useVisitor } from '../account/visitor';
import type { ConnectionState } from './connection-state';
import type { Growth } from './wire';
import type { FlowView } from './flow-binding';
import { FlowSession } from './flow-session';
import type { Peer } from './presence';
import type { ShownRun } from './runs';

/** Opens a flow for as long as the component is shown; null while its copy here is read. */
export function useOpenSession(flowId: string, onRoleDoubt: () => void): FlowSession | null {
  const visitor = useVisitor();
  const [session, setSession] = useState<FlowSession | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    let over = false;
    let opened: FlowSession | null = null;
    const { id, name } = visitor;
    const tokens = tokensOf(visitor);
    const guest = visitor.kind === 'guest' ? name : undefined;
    FlowSession.open({ flowId, user: { id, name }, guest, token: tokens.current, onRoleDoubt }).then(
      (session) => {
        opened = session;
        if (over) session.close();
        else setSession(session);
      },
      (error: unknown) => !over && setFailure(error),
    );
    const stop = tokens.watch((token) => opened?.connection.renewed(token));
    return () => {
      over = true;
      stop();
      opened?.close();
      setSession(null);
    };
  }, [flowId, visitor, onRoleDoubt]);
  if (failure) throw failure instanceof Error ? failure : new Error('the flow could not be opened', { cause: failure });
  return session;
}

export const SessionContext = createContext<FlowSession | null>(null);

/** The open flow. Only inside the editor. */
export function useSession(): FlowSession {
  const session = useContext(SessionContext);
  if (!session) throw new Error('this is shown inside an open flow only');
  return session;
}

export function useFlowView<Slice>(slice: (view: FlowView) => Slice): Slice {
  const { binding } = useSession();
  return useSyncExternalStore(binding.subscribe, () => slice(binding.getView()));
}

export function useConnectionState(): ConnectionState {
  const { connection } = useSession();
  return useSyncExternalStore(connection.subscribe, connection.getState);
}

/** How large the document is, once it nears its limit. */
export function useGrowth(): Growth | null {
  const { connection } = useSession();
  return useSyncExternalStore(connection.subscribe, connection.getGrowth);
}

/** A slice of who is here; it must be the same value for the same peers. */
export function usePeers<Slice>(slice: (peers: readonly Peer[]) => Slice): Slice {
  const { presence } = useSession();
  return useSyncExternalStore(presence.subscribe, () => slice(presence.getPeers()));
}

/** A slice of the runs that are shown; it must be the same value for the same runs. */
export function useRuns<Slice>(slice: (runs: readonly ShownRun[]) => Slice): Slice {
  const { presence } = useSession();
  return useSyncExternalStore(presence.subscribe, () => slice(presence.getRuns()));
}

/** Whether there is something of one's own to undo and to redo. */
export function useUndo(): { canUndo: boolean; canRedo: boolean } {
  const { flow } = useSession();
  const { undoManager } = flow;
  const state = useSyncExternalStore(
    (listener) => {
      const events = ['stack-item-added', 'stack-item-popped', 'stack-cleared', 'stack-item-updated'] as const;
      for (const event of events) undoManager.on(event, listener);
      return () => events.forEach((event) => undoManager.off(event, listener));
    },
    () => Number(undoManager.canUndo()) + 2 * Number(undoManager.canRedo()),
  );
  return { canUndo: (state & 1) > 0, canRedo: (state & 2) > 0 };
}
