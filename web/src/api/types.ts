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
