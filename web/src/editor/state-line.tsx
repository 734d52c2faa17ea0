import { Check, CloudOff, LoaderCircle, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

import { useVisitor } from '../account/visitor';
import type { ConnectionState } from '../collab/connection-state';
import { useConnectionState, useSession } from '../collab/use-flow-session';
import { cx } from '../ui/class-names';
import { refusalText } from './refusals';

/** Where the work is right now, in one line that is always true. */
export function StateLine() {
  const state = useConnectionState();
  const { keepsEdits } = useSession();
  const { text, look, icon } = describe(state, keepsEdits, useVisitor().kind === 'guest');
  return (
    <p role="status" data-state={state.kind} className={cx('flex min-w-0 shrink items-center gap-1.5 px-1 text-xs font-medium', look)}>
      {icon}
      <span className="truncate" title={text}>{text}</span>
    </p>
  );
}

interface Description {
  text: string;
  look: string;
  icon: ReactNode;
}

export function describe(state: ConnectionState, keepsEdits: boolean, isGuest: boolean): Description {
  const spinner = <LoaderCircle size={14} className="shrink-0 animate-spin" aria-hidden />;
  switch (state.kind) {
    case 'connecting':
      return { text: withUnsent('Connecting…', state.unsent), look: 'text-slate-500', icon: spinner };
    case 'live':
      return state.saving === 0
        ? { text: 'Saved', look: 'text-emerald-700', icon: <Check size={14} className="shrink-0" aria-hidden /> }
        : { text: `Saving ${changes(state.saving)}…`, look: 'text-slate-500', icon: spinner };
    case 'offline': {
      const text = withUnsent('Offline', state.unsent);
      const lost = state.unsent > 0 && !keepsEdits ? ', kept in this tab only' : '';
      return { text: text + lost, look: 'text-amber-700', icon: <CloudOff size={14} className="shrink-0" aria-hidden /> };
    }
    case 'refused':
      return { text: withUnsent(refusalText(state.reason, isGuest).short, state.unsent), look: 'text-red-700', icon: <TriangleAlert size={14} className="shrink-0" aria-hidden /> };
  }
}

function withUnsent(text: string, unsent: number): string {
  return unsent === 0 ? text : `${text} · ${unsent} unsent ${unsent === 1 ? 'change' : 'changes'}`;
}

function changes(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`;
}
