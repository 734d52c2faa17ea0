import { api } from '../account/session';
import { answer, client, send } from './client';
import type { CreateLink } from './schema.generated';

const at = (flow: string) => ({ path: { flow_id: flow } });

export const listLinks = (flow: string) => answer(api.GET('/api/flows/{flow_id}/links', { params: at(flow) }));
export const createLink = (flow: string, link: CreateLink) => answer(api.POST('/api/flows/{flow_id}/links', { params: at(flow), body: link }));
export const revokeLink = (flow: string, id: string) =>
  answer(api.DELETE('/api/flows/{flow_id}/links/{link_id}', { params: { path: { flow_id: flow, link_id: id } } }));

/** What a link shares. Tokens go into bodies: what follows a `?` is logged. */
export const lookAtLink = (token: string) => answer(client(send).POST('/api/links/look', { body: { token } }));

/** A flow as the bearer of a link sees it. */
export const getFlowByLink = (token: string, id: string) =>
  answer(client(send).GET('/api/flows/{flow_id}', { params: at(id), headers: { authorization: `Bearer ${token}` } }));
