import { api } from '../account/session';
import type { Flow, FlowPage, Member, Role, Sample } from './types';

/** Where a new flow comes from. */
export interface NewFlow {
  name?: string;
  sample?: string;
  /** A flow in its JSON form. */
  flow?: unknown;
}

const PAGE = 50;
const at = (id: string, rest = '') => `/api/flows/${encodeURIComponent(id)}${rest}`;

export const listFlows = (cursor: string | undefined) =>
  api<FlowPage>(`/api/flows?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
export const listSamples = () => api<Sample[]>('/api/samples');
export const createFlow = (flow: NewFlow) => api<Flow>('/api/flows', { method: 'POST', body: flow });
export const getFlow = (id: string) => api<Flow>(at(id));
export const renameFlow = (id: string, name: string) => api<Flow>(at(id), { method: 'PATCH', body: { name } });
export const deleteFlow = (id: string) => api<void>(at(id), { method: 'DELETE' });
export const exportFlow = (id: string) => api<unknown>(at(id, '/export'));

export const listMembers = (id: string) => api<Member[]>(at(id, '/members'));
export const putMember = (id: string, email: string, role: Role) =>
  api<Member[]>(at(id, '/members'), { method: 'POST', body: { email, role } });
export const removeMember = (id: string, user: string) =>
  api<void>(at(id, `/members/${encodeURIComponent(user)}`), { method: 'DELETE' });
