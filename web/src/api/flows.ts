import { api } from '../account/session';
import { answer } from './client';
import type { CreateFlow } from './schema.generated';
import type { Role } from './types';

/** Empty, from a sample, or from a flow in its JSON form, which the server looks through. */
export type NewFlow = Omit<CreateFlow, 'flow'> & { flow?: unknown };

const PAGE = 50;
const at = (flow: string) => ({ path: { flow_id: flow } });

export const listFlows = (cursor: string | undefined) =>
  answer(api.GET('/api/flows', { params: { query: { limit: PAGE, ...(cursor && { cursor }) } } }));
export const listSamples = () => answer(api.GET('/api/samples'));
export const createFlow = (flow: NewFlow) => answer(api.POST('/api/flows', { body: flow as CreateFlow }));
export const getFlow = (id: string) => answer(api.GET('/api/flows/{flow_id}', { params: at(id) }));
export const renameFlow = (id: string, name: string) => answer(api.PATCH('/api/flows/{flow_id}', { params: at(id), body: { name } }));
/** `null` takes it away: the flow is found by its id alone. */
export const changeSlug = (id: string, slug: string | null) => answer(api.PATCH('/api/flows/{flow_id}', { params: at(id), body: { slug } }));
export const deleteFlow = (id: string) => answer(api.DELETE('/api/flows/{flow_id}', { params: at(id) }));
export const exportFlow = (id: string) => answer(api.GET('/api/flows/{flow_id}/export', { params: at(id) }));

export const listMembers = (id: string) => answer(api.GET('/api/flows/{flow_id}/members', { params: at(id) }));
export const putMember = (id: string, email: string, role: Role) =>
  answer(api.POST('/api/flows/{flow_id}/members', { params: at(id), body: { email, role } }));
export const removeMember = (id: string, user: string) =>
  answer(api.DELETE('/api/flows/{flow_id}/members/{user_id}', { params: { path: { flow_id: id, user_id: user } } }));
