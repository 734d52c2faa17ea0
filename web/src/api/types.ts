// What the server answers, by the names the editor has for it.
import type { Flow, Key, Link, Member } from './schema.generated';

export type { CreatedKey, CreatedLink, Flow, FlowPage, InvitedTo, Key as ApiKey, Link as ShareLink, Member, Sample, Session, SignedIn, User, Workspace } from './schema.generated';

export type Role = Member['role'];
/** What a share link is for. */
export type LinkRole = Link['role'];
/** What a key may be for. */
export type Scope = Key['scopes'][number];

export function mayEdit(role: Flow['role']): boolean {
  return role === 'editor' || role === 'owner';
}
