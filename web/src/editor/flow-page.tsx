import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useStore } from 'zustand';

import { AccountPage, AccountStep } from '../account/account-page';
import { links } from '../account/links';
import { accountVisitor, guestId, guestName, VisitorContext, type Visitor } from '../account/visitor';
import type { User } from '../api/types';
import { keptFlow, storeName } from '../collab/offline-store';
import { Button } from '../ui/button';
import { Loading } from '../ui/notice';
import EditorPage from './editor-page';
import { askFlow, isRefused } from './use-flow';

/** Decides in whose name a flow is opened: one's own where one may, else with the link. */
export default function FlowPage({ flowId, user }: { flowId: string; user: User | null }) {
  const link = useStore(links, (all) => all[flowId]);
  if (user && link) return <AsEither flowId={flowId} user={user} link={link} />;
  if (user) return <AsAccount flowId={flowId} user={user} />;
  return link ? <AsGuest key={link} flowId={flowId} link={link} /> : <AccountPage />;
}

function AsAccount({ flowId, user }: { flowId: string; user: User }) {
  const { id, name } = user;
  // The account is told anew with each token; only what is used of it opens the flow anew.
  return <Visit flowId={flowId} visitor={useMemo(() => accountVisitor({ id, name }), [id, name])} />;
}

function AsEither({ flowId, user, link }: { flowId: string; user: User; link: string }) {
  // Asked once a visit: who gains or loses access meanwhile keeps what they have open.
  const own = useQuery({ queryKey: ['own-access', user.id, flowId], queryFn: () => hasOwnAccess(user, flowId), staleTime: Infinity, gcTime: 0 });
  const guest = useMemo((): Visitor => ({ kind: 'guest', id: guestId(link), name: user.name, link, signIn: null }), [link, user.name]);
  if (own.isPending) return <Loading what="the flow" />;
  return own.data ? <AsAccount flowId={flowId} user={user} /> : <Visit key={link} flowId={flowId} visitor={guest} />;
}

/** As the server says; where it cannot be asked, as this device knows. */
async function hasOwnAccess(user: User, flowId: string): Promise<boolean> {
  const visitor = accountVisitor(user);
  try {
    await askFlow(visitor, flowId);
    return true;
  } catch (error) {
    if (isRefused(error, visitor)) return false;
    return (await keptFlow(storeName(user.id, flowId))) !== undefined;
  }
}

function AsGuest({ flowId, link }: { flowId: string; link: string }) {
  const name = useStore(guestName);
  const [signingIn, setSigningIn] = useState(false);
  const visitor = useMemo((): Visitor => ({ kind: 'guest', id: guestId(link), name, link, signIn: () => setSigningIn(true) }), [link, name]);
  if (!signingIn) return <Visit flowId={flowId} visitor={visitor} />;
  return <AccountStep note={<Button look="quiet" onClick={() => setSigningIn(false)}>Go on as a guest</Button>} />;
}

function Visit({ flowId, visitor }: { flowId: string; visitor: Visitor }) {
  return (
    <VisitorContext value={visitor}>
      <EditorPage flowId={flowId} />
    </VisitorContext>
  );
}
