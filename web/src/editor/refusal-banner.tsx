import { TriangleAlert } from 'lucide-react';

import { useVisitor } from '../account/visitor';
import type { Flow } from '../api/types';
import { useConnectionState, useSession } from '../collab/use-flow-session';
import { Button } from '../ui/button';
import { download, fileName } from '../ui/download';
import { HomeLink } from '../ui/not-found';
import { refusalText } from './refusals';

/** Says what the server refused, and what can be done. Nothing is given up unasked. */
export function RefusalBanner({ flow }: { flow: Flow }) {
  const state = useConnectionState();
  const session = useSession();
  const visitor = useVisitor();
  if (state.kind !== 'refused') return null;
  const { title, text, discard } = refusalText(state.reason, visitor.kind === 'guest');
  const giveUp = async () => {
    await session.discard();
    location.reload();
  };
  return (
    <div role="alert" className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-2 border-b border-red-200 bg-red-50 px-4 py-3">
      <TriangleAlert size={20} className="shrink-0 text-red-700" aria-hidden />
      <div className="min-w-60 flex-1 text-sm text-red-900">
        <p className="font-semibold">{title}</p>
        <p>
          {text}
          {state.unsent > 0 && ` ${state.unsent === 1 ? 'One change of yours was' : `${state.unsent} changes of yours were`} not sent.`}
        </p>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button onClick={() => download(fileName(flow.name), session.exportCopy())}>Export my copy</Button>
        {discard ? (
          <Button look="danger" onClick={() => void giveUp()}>Discard my copy</Button>
        ) : (
          <Button onClick={() => void session.connection.open(true)}>Try again</Button>
        )}
        {visitor.kind === 'guest' && visitor.signIn ? <Button onClick={visitor.signIn}>Sign in</Button> : <HomeLink />}
      </div>
    </div>
  );
}
