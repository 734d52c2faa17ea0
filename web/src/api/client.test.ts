import { afterEach, expect, test, vi } from 'vitest';

import { answer, client, send } from './client';
import { ApiError, Unreachable } from './http';

const api = client(send);
afterEach(() => vi.unstubAllGlobals());

/** The server's next answer; answers what it was asked. */
function serve(respond: () => Response | Promise<Response>): Request[] {
  const asked: Request[] = [];
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request);
    return Promise.resolve().then(respond);
  });
  return asked;
}

test('a request goes where the document says, with what was given', async () => {
  const asked = serve(() => Response.json([]));
  const path = { flow_id: 'a/b' };
  expect(await answer(api.POST('/api/flows/{flow_id}/members', { params: { path }, body: { email: 'a@example.org', role: 'viewer' } }))).toEqual([]);
  expect([asked[0]!.method, asked[0]!.url]).toEqual(['POST', `${location.origin}/api/flows/a%2Fb/members`]);
  expect(await asked[0]!.json()).toEqual({ email: 'a@example.org', role: 'viewer' });
});

test('there may be nothing to answer', async () => {
  serve(() => new Response(null, { status: 204 }));
  expect(await answer(api.POST('/api/auth/logout'))).toBeUndefined();
});

test('a refusal is thrown with its code and field', async () => {
  const error = { code: 'invalid', message: 'name: is empty', requestId: 'r', details: { field: 'name' } };
  serve(() => Response.json({ error }, { status: 422 }));
  const refused = await answer(api.POST('/api/flows', { body: { name: '' } })).catch((thrown: unknown) => thrown);
  expect(refused).toBeInstanceOf(ApiError);
  expect(refused).toMatchObject({ status: 422, code: 'invalid', message: 'name: is empty', field: 'name' });
});

test('no answer, or one of a proxy in its place, is no refusal', async () => {
  serve(() => Promise.reject(new TypeError('failed to fetch')));
  await expect(answer(api.GET('/api/samples'))).rejects.toBeInstanceOf(Unreachable);
  serve(() => new Response('bad gateway', { status: 502 }));
  await expect(answer(api.GET('/api/samples'))).rejects.toBeInstanceOf(Unreachable);
  serve(() => new Response('<html>', { status: 418 }));
  await expect(answer(api.GET('/api/samples'))).rejects.toMatchObject({ status: 418, code: 'unknown' });
});
