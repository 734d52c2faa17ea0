// What the server answers, by the names the editor has for it.
import type { Flow, Key, Member } from './schema.generated';

export type { CreatedKey, Flow, FlowPage, Key as ApiKey, Member, Sample, Session, SignedIn, User } from './schema.generated';

export type Role = Member['role'];
/** What a key may be for. */
export type Scope = Key['scopes'][number];

export function mayEdit(role: Flow['role']): boolean {
  return role === 'editor' || role === 'owner';
}
