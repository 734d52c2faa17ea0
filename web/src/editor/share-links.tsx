import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { linkUrl } from '../account/links';
import { expiresAt } from '../account/settings/describe';
import { explain } from '../api/http';
import { createLink, listLinks, revokeLink } from '../api/links';
import type { CreatedLink, Flow, LinkRole, ShareLink } from '../api/types';
import { chatUrl } from '../chat/links';
import { Button } from '../ui/button';
import { CopyField } from '../ui/copy-field';
import { Select } from '../ui/input';
import { Loading, Problem } from '../ui/notice';
import { ChatAddress } from './chat-address';
import { LINK_LIFETIMES, LINK_ROLES, linkState, roleText } from './link-text';

/** Links with which people without an account see or edit the flow. */
export function ShareLinks({ flow }: { flow: Flow }) {
  const key = ['links', flow.id];
  const queries = useQueryClient();
  const [made, setMade] = useState<CreatedLink | null>(null);
  const links = useQuery({ queryKey: key, queryFn: () => listLinks(flow.id) });
  const onSettled = () => queries.invalidateQueries({ queryKey: key });
  const create = useMutation({
    mutationFn: ({ role, days }: NewLink) => {
      const end = expiresAt(days, new Date());
      return createLink(flow.id, { role, ...(end !== undefined && { expiresAt: end }) });
    },
    onSuccess: setMade,
    onSettled,
  });
  const revoke = useMutation({
    mutationFn: (id: string) => revokeLink(flow.id, id),
    onSuccess: (_, id) => setMade((made) => (made?.id === id ? null : made)),
    onSettled,
  });
  const error = create.error ?? revoke.error;
  return (
    <section aria-labelledby="share-links" className="mt-5 space-y-3 border-t border-slate-200 pt-4">
      <div>
        <h3 id="share-links" className="text-sm font-semibold text-slate-900">Share links</h3>
        <p className="text-sm text-slate-600">Whoever has such a link comes in, without an account.</p>
      </div>
      <ChatAddress flow={flow} />
      <LinkForm busy={create.isPending} onMake={create.mutate} />
      {error && <Problem>{explain(error)}</Problem>}
      {made && (
        <div className="rounded-lg border border-amber-200 bg-amber-50 p-3">
          <CopyField label="The link. Copy it now: it is not shown again." value={made.role === 'run' ? chatUrl(location.origin, flow.slug ?? flow.id, made.token) : linkUrl(location.origin, flow.id, made.token)} />
        </div>
      )}
      {links.isPending && <Loading what="the links" />}
      {links.isError && <Problem>The links could not be loaded. {explain(links.error)}</Problem>}
      <ul aria-label="Share links" className="divide-y divide-slate-100">
        {links.data?.map((link) => <LinkRow key={link.id} link={link} busy={revoke.isPending} onRevoke={() => revoke.mutate(link.id)} />)}
      </ul>
    </section>
  );
}

interface NewLink {
  role: LinkRole;
  days: number | null;
}

function LinkForm({ busy, onMake }: { busy: boolean; onMake: (link: NewLink) => void }) {
  const [role, setRole] = useState<LinkRole>('viewer');
  const [lifetime, setLifetime] = useState(2);
  return (
    <form
      className="flex flex-wrap gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        onMake({ role, days: LINK_LIFETIMES[lifetime]?.[1] ?? null });
      }}
    >
      <Select aria-label="What people with the link may" value={role} className="!w-auto flex-1" onChange={(event) => setRole(event.target.value as LinkRole)}>
        {LINK_ROLES.map((choice) => (
          <option key={choice} value={choice}>
            {roleText(choice)}
          </option>
        ))}
      </Select>
      <Select aria-label="How long the link is good" value={lifetime} className="!w-auto flex-1" onChange={(event) => setLifetime(Number(event.target.value))}>
        {LINK_LIFETIMES.map(([text], at) => (
          <option key={text} value={at}>
            {text}
          </option>
        ))}
      </Select>
      <Button type="submit" disabled={busy}>
        Make a link
      </Button>
    </form>
  );
}

function LinkRow({ link, busy, onRevoke }: { link: ShareLink; busy: boolean; onRevoke: () => void }) {
  return (
    <li className="flex items-center gap-3 py-2">
      <div className="min-w-0 flex-1">
        <p className="truncate text-sm font-medium text-slate-900">{roleText(link.role)}</p>
        <p className="truncate text-xs text-slate-500">{linkState(link, new Date())}</p>
      </div>
      <Button aria-label={`Revoke the link: ${roleText(link.role)}, ${linkState(link, new Date())}`} disabled={busy} onClick={onRevoke}>
        Revoke
      </Button>
    </li>
  );
}
