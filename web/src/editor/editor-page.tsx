import { useQueryClient } from '@tanstack/react-query';
import { ServerOff } from 'lucide-react';
import { useCallback, useEffect } from 'react';

import { useVisitor } from '../account/visitor';
import { mayEdit, type Flow } from '../api/types';
import type { FlowSession } from '../collab/flow-session';
import { SessionContext, useConnectionState, useOpenSession, useSession } from '../collab/use-flow-session';
import { Button } from '../ui/button';
import { HomeLink, NotFound } from '../ui/not-found';
import { Loading, Notice } from '../ui/notice';
import { EditableContext } from './editable';
import { Editor } from './editor';
import { LinkEnded } from './guest';
import { flowKey, useFlow } from './use-flow';

/** One flow's page: finds out what it is to this person, and opens it. */
export default function EditorPage({ flowId }: { flowId: string }) {
  const queries = useQueryClient();
  const visitor = useVisitor();
  const onRoleDoubt = useCallback(() => void queries.invalidateQueries({ queryKey: flowKey(visitor, flowId) }), [queries, visitor, flowId]);
  const answer = useFlow(flowId);
  const session = useOpenSession(flowId, onRoleDoubt);
  switch (answer.kind) {
    case 'not-found':
      return visitor.kind === 'guest' ? <LinkEnded guest={visitor} /> : <NotFound what="flow" />;
    case 'unreachable':
      return <ServerAway onRetry={answer.retry} />;
    case 'loading':
      return <Loading what="the flow" />;
    case 'known':
      return session ? <OpenFlow flow={answer.flow} session={session} /> : <Loading what="the flow" />;
  }
}

function OpenFlow({ flow, session }: { flow: Flow; session: FlowSession }) {
  const may = mayEdit(flow.role);
  useEffect(() => session.mayEdit(may), [session, may]);
  useEffect(() => session.keepFlow({ ...flow }), [session, flow]);
  return (
    <SessionContext value={session}>
      <Page flow={flow} may={may} />
    </SessionContext>
  );
}

function Page({ flow, may }: { flow: Flow; may: boolean }) {
  const session = useSession();
  const state = useConnectionState();
  const unsent = state.kind === 'live' ? state.saving : state.unsent;
  useEffect(() => {
    if (unsent === 0 || session.keepsEdits) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [unsent, session]);
  const editable = may && state.kind !== 'refused';
  useEffect(() => session.setEditable(editable), [session, editable]);
  return (
    <EditableContext value={editable}>
      <Editor flow={flow} />
    </EditableContext>
  );
}

function ServerAway({ onRetry }: { onRetry: () => void }) {
  return (
    <main className="h-full">
      <Notice
        icon={<ServerOff size={40} strokeWidth={1.5} aria-hidden />}
        title="The server cannot be reached"
        actions={
          <>
            <Button look="primary" onClick={onRetry}>Try again</Button>
            <HomeLink />
          </>
        }
      >
        This flow has not been opened on this device before, so there is no copy to work on meanwhile.
      </Notice>
    </main>
  );
}
