import { api } from '../account/session';
import type { ApiKey, CreatedKey, Scope, Session, User } from './types';

/** What to change; an address only with the password. */
export interface AccountChange {
  name?: string;
  email?: string;
  currentPassword?: string;
}

export interface NewKey {
  name: string;
  scopes: Scope[];
  /** RFC 3339; left out if it does not end. */
  expiresAt?: string;
}

export const changeMe = (change: AccountChange) => api<User>('/api/auth/me', { method: 'PATCH', body: change });
export const changePassword = (currentPassword: string, newPassword: string) =>
  api<void>('/api/auth/password', { method: 'POST', body: { currentPassword, newPassword } });

export const listSessions = () => api<Session[]>('/api/auth/sessions');
export const endSession = (id: string) => api<void>(`/api/auth/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });

export const listKeys = () => api<ApiKey[]>('/api/keys');
export const createKey = (key: NewKey) => api<CreatedKey>('/api/keys', { method: 'POST', body: key });
export const revokeKey = (id: string) => api<void>(`/api/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
