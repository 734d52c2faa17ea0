import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { MailX, Users } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { useLocation } from 'wouter';

import { ApiError, explain } from '../api/http';
import { acceptInvitation, lookAtInvitation } from '../api/invitations';
import type { InvitedTo, User } from '../api/types';
import { Button } from '../ui/button';
import { HomeLink, NotFound } from '../ui/not-found';
import { Loading, Notice, Problem } from '../ui/notice';
import { AccountStep } from './account-page';
import { invitationIn } from './links';

/** An invitation to a workspace. Its token stays behind the `#`, which is not sent. */
export function JoinPage({ user }: { user: User | null }) {
  const hash = useSyncExternalStore(onHashChange, () => location.hash);
  const token = invitationIn(hash);
  return token === null ? <NotFound what="invitation" /> : <Invitation key={token} token={token} user={user} />;
}

function onHashChange(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

function Invitation({ token, user }: { token: string; user: User | null }) {
  const look = useQuery({ queryKey: ['invitation', token], queryFn: () => lookAtInvitation(token) });
  if (look.data) return user ? <Accept token={token} to={look.data} user={user} /> : <AccountStep intro={<InvitationLine to={look.data} />} />;
  if (look.isPending) return <Loading what="the invitation" />;
  if (!(look.error instanceof ApiError && look.error.status === 404)) {
    return (
      <Notice title="The invitation could not be loaded" actions={<Button look="primary" onClick={() => void look.refetch()}>Try again</Button>}>
        {explain(look.error)}
      </Notice>
    );
  }
  return (
    <Notice icon={<MailX size={40} strokeWidth={1.5} aria-hidden />} title="This invitation is not good any more" actions={<HomeLink />}>
      It was withdrawn, used up, or has expired. Ask whoever sent it for another one.
    </Notice>
  );
}

function InvitationLine({ to }: { to: InvitedTo }) {
  return (
    <p className="text-sm text-slate-700">
      You are invited to <strong>{to.workspaceName}</strong> as {roleNoun(to.role)}.
    </p>
  );
}

export function roleNoun(role: InvitedTo['role']): string {
  return `${/^[aeiou]/.test(role) ? 'an' : 'a'} ${role}`;
}

function Accept({ token, to, user }: { token: string; to: InvitedTo; user: User }) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const accept = useMutation({
    mutationFn: () => acceptInvitation(token),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['flows'] });
      // In place of the invitation, which is of no more use in the history.
      navigate('/', { replace: true });
    },
  });
  return (
    <main className="h-full">
      <Notice
        icon={<Users size={40} strokeWidth={1.5} aria-hidden />}
        title={`Join ${to.workspaceName}`}
        actions={
          <>
            <Button look="primary" disabled={accept.isPending} onClick={() => accept.mutate()}>
              {accept.isPending ? 'One moment…' : 'Accept the invitation'}
            </Button>
            <HomeLink />
          </>
        }
      >
        <InvitationLine to={to} />
        <p>You are signed in as {user.email}.</p>
        {accept.error && <Problem>{explain(accept.error)}</Problem>}
      </Notice>
    </main>
  );
}
