import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { useState } from 'react';

import { useUser } from '../account/use-account';
import { listMembers, putMember, removeMember } from '../api/flows';
import { explain } from '../api/http';
import type { Flow, Member, Role } from '../api/types';
import { colorOf } from '../model/color';
import { Avatar } from '../ui/avatar';
import { Button, IconButton } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Input, Select } from '../ui/input';
import { Loading, Problem } from '../ui/notice';
import { ShareLinks } from './share-links';

const ROLES: Role[] = ['viewer', 'commenter', 'editor', 'owner'];

export function ShareDialog({ flow, open, onClose }: { flow: Flow; open: boolean; onClose: () => void }) {
  return (
    <Dialog title="Share this flow" description="People with an account are added by their address; others come with a link." open={open} onClose={onClose}>
      <Sharing flow={flow} />
      <ShareLinks flow={flow} />
    </Dialog>
  );
}

function Sharing({ flow }: { flow: Flow }) {
  const key = ['members', flow.id];
  const queries = useQueryClient();
  const members = useQuery({ queryKey: key, queryFn: () => listMembers(flow.id) });
  const onSettled = () => queries.invalidateQueries({ queryKey: key });
  const put = useMutation({ mutationFn: ({ email, role }: { email: string; role: Role }) => putMember(flow.id, email, role), onSettled });
  const remove = useMutation({ mutationFn: (user: string) => removeMember(flow.id, user), onSettled });
  const error = put.error ?? remove.error;
  return (
    <div className="space-y-4">
      <AddForm busy={put.isPending} onAdd={(email, role) => put.mutateAsync({ email, role })} />
      {error && <Problem>{explain(error)}</Problem>}
      {members.isPending && <Loading what="the members" />}
      {members.isError && <Problem>The members could not be loaded. {explain(members.error)}</Problem>}
      <ul aria-label="Members" className="divide-y divide-slate-100">
        {members.data?.map((member) => (
          <MemberRow
            key={member.userId}
            member={member}
            onRole={(role) => put.mutate({ email: member.email, role })}
            onRemove={() => remove.mutate(member.userId)}
          />
        ))}
      </ul>
    </div>
  );
}

function AddForm({ busy, onAdd }: { busy: boolean; onAdd: (email: string, role: Role) => Promise<unknown> }) {
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('editor');
  return (
    <form
      className="flex flex-wrap gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        // What goes wrong is shown by whoever asked; the address stays to be corrected.
        onAdd(email, role).then(() => setEmail(''), () => undefined);
      }}
    >
      <Input aria-label="E-mail of the person" type="email" placeholder="E-mail" required value={email} className="min-w-40 flex-1" onChange={(event) => setEmail(event.target.value)} />
      <RoleSelect label="Role of the person" role={role} onRole={setRole} />
      <Button type="submit" look="primary" disabled={busy}>
        Add
      </Button>
    </form>
  );
}

function MemberRow({ member, onRole, onRemove }: { member: Member; onRole: (role: Role) => void; onRemove: () => void }) {
  const me = useUser();
  const own = member.userId === me.id;
  return (
    <li className="flex items-center gap-3 py-2">
      <Avatar name={member.name} color={colorOf(member.userId)} />
      <div className="min-w-0 flex-1">
        <p className="truncate text-sm font-medium text-slate-900">{own ? `${member.name} (you)` : member.name}</p>
        <p className="truncate text-xs text-slate-500">{member.email}</p>
      </div>
      {own ? (
        <span className="px-2 text-sm text-slate-500 capitalize">{member.role}</span>
      ) : (
        <>
          <RoleSelect label={`Role of ${member.name}`} role={member.role} onRole={onRole} />
          <IconButton label={`Remove ${member.name}`} onClick={onRemove}>
            <Trash2 size={15} aria-hidden />
          </IconButton>
        </>
      )}
    </li>
  );
}

function RoleSelect({ label, role, onRole }: { label: string; role: Role; onRole: (role: Role) => void }) {
  return (
    <Select aria-label={label} value={role} className="!w-28 capitalize" onChange={(event) => onRole(event.target.value as Role)}>
      {ROLES.map((choice) => (
        <option key={choice} value={choice}>
          {choice}
        </option>
      ))}
    </Select>
  );
}
