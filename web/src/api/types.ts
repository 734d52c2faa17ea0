// What the server answers.

export type Role = 'viewer' | 'commenter' | 'editor' | 'owner';

export interface User {
  id: string;
  email: string;
  name: string;
  workspaceId: string;
  createdAt: string;
}

export interface SignedIn {
  token: string;
  /** Of the token, in seconds. */
  expiresIn: number;
  user: User;
}

/** Where somebody is signed in. */
export interface Session {
  id: string;
  createdAt: string;
  lastUsedAt: string;
  userAgent: string | null;
  /** The one that asked. */
  current: boolean;
}

export type Scope = 'read' | 'edit' | 'run' | 'manage';

/** With one a program acts for its owner. */
export interface ApiKey {
  id: string;
  name: string;
  scopes: Scope[];
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

/** A key just made: the only answer that has the key itself. */
export interface CreatedKey extends ApiKey {
  key: string;
}

export interface Flow {
  id: string;
  workspaceId: string;
  name: string;
  description: string;
  tags: string[];
  role: Role;
  createdAt: string;
  updatedAt: string;
}

export interface FlowPage {
  items: Flow[];
  nextCursor?: string;
}

export interface Sample {
  id: string;
  name: string;
  description: string;
}

export interface Member {
  userId: string;
  name: string;
  email: string;
  role: Role;
}

export function mayEdit(role: Role): boolean {
  return role === 'editor' || role === 'owner';
}
