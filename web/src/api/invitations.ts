import { api } from '../account/session';
import { answer, client, send } from './client';
import type { CreateInvitation } from './schema.generated';

export const listWorkspaces = () => answer(api.GET('/api/workspaces'));
export const createInvitation = (workspace: string, invitation: CreateInvitation) =>
  answer(api.POST('/api/workspaces/{workspace_id}/invitations', { params: { path: { workspace_id: workspace } }, body: invitation }));

/** What somebody is invited to; whoever has the token may see it. */
export const lookAtInvitation = (token: string) => answer(client(send).POST('/api/invitations/look', { body: { token } }));
export const acceptInvitation = (token: string) => answer(api.POST('/api/invitations/accept', { body: { token } }));
