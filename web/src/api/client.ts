import createClient from 'openapi-fetch';

import { refusal, Unreachable } from './http';
import type { paths } from './schema.generated';

/** The API as its document describes it; `fetch` throws what is no success. */
export function client(fetch: (request: Request) => Promise<Response>) {
  return createClient<paths>({ baseUrl: location.origin, fetch });
}

/** Sends a request. The answer's shape is the server's promise; nothing here checks it. */
export async function send(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (cause) {
    throw new Unreachable(cause);
  }
  if (response.ok) return response;
  if (response.status >= 502 && response.status <= 504) throw new Unreachable();
  throw await refusal(response);
}

/** What a request was answered with; nothing, where that is all there is to say. */
export async function answer<T>(asked: Promise<{ data?: T }>): Promise<T> {
  return (await asked).data as T;
}
