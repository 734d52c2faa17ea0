import { api } from '../account/session';
import { answer } from './client';
import type { ChangeMe, CreateKey } from './schema.generated';

/** An address changes only with the password. */
export const changeMe = (change: ChangeMe) => answer(api.PATCH('/api/auth/me', { body: change }));
export const changePassword = (currentPassword: string, newPassword: string) =>
  answer(api.POST('/api/auth/password', { body: { currentPassword, newPassword } }));

export const listSessions = () => answer(api.GET('/api/auth/sessions'));
export const endSession = (id: string) => answer(api.DELETE('/api/auth/sessions/{session_id}', { params: { path: { session_id: id } } }));

export const listKeys = () => answer(api.GET('/api/keys'));
export const createKey = (key: CreateKey) => answer(api.POST('/api/keys', { body: key }));
export const revokeKey = (id: string) => answer(api.DELETE('/api/keys/{key_id}', { params: { path: { key_id: id } } }));
