import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { invitationUrl } from '../account/links';
import { explain } from '../api/http';
import { createInvitation, listWorkspaces } from '../api/invitations';
import type { Role, Workspace } from '../api/types';
import { Button } from '../ui/button';
import { CopyField } from '../ui/copy-field';
import { Dialog } from '../ui/dialog';
import { Labelled, Select } from '../ui/input';
import { Loading, Problem } from '../ui/notice';

/** An owner is made by handing a workspace over, not by an address that may be passed on. */
const ROLES: Role[] = ['viewer', 'commenter', 'editor'];

/** Invites to a workspace, by an address that its owner passes on. */
export function InviteDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog title="Invite people" description="Whoever has the invitation may join the workspace, with a role on all its flows." open={open} onClose={onClose}>
      <Invite />
    </Dialog>
  );
}

function Invite() {
  const workspaces = useQuery({ queryKey: ['workspaces'], queryFn: listWorkspaces });
  if (workspaces.isPending) return <Loading what="your workspaces" />;
  if (workspaces.isError) return <Problem>Your workspaces could not be loaded. {explain(workspaces.error)}</Problem>;
  return <InviteForm workspaces={workspaces.data.filter(({ role }) => role === 'owner')} />;
}

function InviteForm({ workspaces }: { workspaces: Workspace[] }) {
  const [chosen, setChosen] = useState(workspaces[0]?.id ?? '');
  const [role, setRole] = useState<Role>('editor');
  const create = useMutation({ mutationFn: () => createInvitation(chosen, { role }) });
  // What was made is for what was chosen then.
  const choose = (what: () => void) => {
    what();
    create.reset();
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <Labelled label="Workspace">
        {(props) => (
          <Select {...props} value={chosen} onChange={(event) => choose(() => setChosen(event.target.value))}>
            {workspaces.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </Select>
        )}
      </Labelled>
      <Labelled label="Role">
        {(props) => (
          <Select {...props} value={role} className="capitalize" onChange={(event) => choose(() => setRole(event.target.value as Role))}>
            {ROLES.map((choice) => (
              <option key={choice} value={choice}>
                {choice}
              </option>
            ))}
          </Select>
        )}
      </Labelled>
      {create.error && <Problem>{explain(create.error)}</Problem>}
      {create.data && (
        <div className="rounded-lg border border-amber-200 bg-amber-50 p-3">
          <CopyField label="The invitation, good for a week. Copy it now: it is not shown again." value={invitationUrl(location.origin, create.data.token)} />
        </div>
      )}
      <Button type="submit" look="primary" disabled={create.isPending || chosen === ''}>
        Make an invitation
      </Button>
    </form>
  );
}
