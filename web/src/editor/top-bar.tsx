import { ArrowLeft, Eye, Play, Redo2, Share2, Undo2 } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';

import { useVisitor } from '../account/visitor';
import { mayEdit, type Flow } from '../api/types';
import { renameFlow } from '../collab/commands';
import { useSession, useUndo } from '../collab/use-flow-session';
import { Button, IconButton } from '../ui/button';
import { Logo } from '../ui/logo';
import { useEditable } from './editable';
import { GuestMenu } from './guest';
import { DraftInput } from './panels/draft-input';
import { People } from './people';
import { ShareDialog } from './share-dialog';
import { StateLine } from './state-line';

export function TopBar({ flow, name, onTry }: { flow: Flow; name: string; onTry: () => void }) {
  const session = useSession();
  const editable = useEditable();
  const visitor = useVisitor();
  const guest = visitor.kind === 'guest' ? visitor : null;
  const [sharing, setSharing] = useState(false);
  return (
    <header className="flex h-14 shrink-0 items-center gap-2 border-b border-slate-200 bg-white px-3">
      {guest?.signIn ? (
        <Logo />
      ) : (
        <Link href="/" aria-label="Back to your flows" title="Back to your flows" className="inline-flex size-8 shrink-0 items-center justify-center rounded-lg text-slate-500 hover:bg-slate-100">
          <ArrowLeft size={17} aria-hidden />
        </Link>
      )}
      {editable ? (
        <DraftInput
          aria-label="Name of the flow"
          value={name}
          placeholder="Untitled flow"
          maxLength={200}
          className="min-w-24 max-w-72 flex-1 !border-transparent font-semibold hover:!border-slate-300 focus:!border-brand-500"
          onCommit={(to) => renameFlow(session.flow, to)}
        />
      ) : (
        <h1 className="min-w-24 max-w-72 truncate px-2.5 text-sm font-semibold text-slate-900">{name || 'Untitled flow'}</h1>
      )}
      {!mayEdit(flow.role) && (
        <span className="inline-flex shrink-0 items-center gap-1 rounded-full bg-slate-100 px-2.5 py-1 text-xs font-medium text-slate-600">
          <Eye size={13} aria-hidden /> View only
        </span>
      )}
      <StateLine />
      <span className="flex-1" />
      {editable && <UndoButtons />}
      <People />
      {guest && <GuestMenu guest={guest} />}
      {visitor.kind === 'account' && mayEdit(flow.role) && (
        <Button onClick={onTry}>
          <Play size={15} aria-hidden /> Try it
        </Button>
      )}
      {flow.role === 'owner' && (
        <Button onClick={() => setSharing(true)}>
          <Share2 size={15} aria-hidden /> Share
        </Button>
      )}
      <ShareDialog flow={flow} open={sharing} onClose={() => setSharing(false)} />
    </header>
  );
}

function UndoButtons() {
  const { flow } = useSession();
  const { canUndo, canRedo } = useUndo();
  return (
    <>
      <IconButton label="Undo" disabled={!canUndo} onClick={() => flow.undo()}>
        <Undo2 size={16} aria-hidden />
      </IconButton>
      <IconButton label="Redo" disabled={!canRedo} onClick={() => flow.redo()}>
        <Redo2 size={16} aria-hidden />
      </IconButton>
    </>
  );
}
