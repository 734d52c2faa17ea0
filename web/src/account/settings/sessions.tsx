import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { endSession, listSessions } from '../../api/account';
import { explain } from '../../api/http';
import type { Session } from '../../api/types';
import { Button } from '../../ui/button';
import { Loading, Problem } from '../../ui/notice';
import { browserOf, moment } from './describe';

export const SESSIONS = ['sessions'];

export function Sessions() {
  const queries = useQueryClient();
  const sessions = useQuery({ queryKey: SESSIONS, queryFn: listSessions });
  const end = useMutation({ mutationFn: endSession, onSettled: () => queries.invalidateQueries({ queryKey: SESSIONS }) });
  return (
    <div className="space-y-3">
      {end.error && <Problem>{explain(end.error)}</Problem>}
      {sessions.isPending && <Loading what="your sign-ins" />}
      {sessions.isError && <Problem>Your sign-ins could not be loaded. {explain(sessions.error)}</Problem>}
      <ul aria-label="Sign-ins" className="divide-y divide-slate-100">
        {sessions.data?.map((session) => (
          <SessionRow key={session.id} session={session} busy={end.isPending} onEnd={() => end.mutate(session.id)} />
        ))}
      </ul>
    </div>
  );
}

function SessionRow({ session, busy, onEnd }: { session: Session; busy: boolean; onEnd: () => void }) {
  const browser = browserOf(session.userAgent);
  return (
    <li className="flex items-center gap-3 py-2">
      <div className="min-w-0 flex-1">
        <p className="truncate text-sm font-medium text-slate-900" title={session.userAgent ?? undefined}>
          {session.current ? `${browser} (here)` : browser}
        </p>
        <p className="truncate text-xs text-slate-500">
          Since {moment(session.createdAt)}, last used {moment(session.lastUsedAt)}
        </p>
      </div>
      {!session.current && (
        <Button aria-label={`End the sign-in of ${browser}, since ${moment(session.createdAt)}`} disabled={busy} onClick={onEnd}>
          End
        </Button>
      )}
    </li>
  );
}
