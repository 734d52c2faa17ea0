import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { linkTokens } from './tokens';

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function serve(respond: () => Response): Request[] {
  const asked: Request[] = [];
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request);
    return Promise.resolve(respond());
  });
  return asked;
}

const refused = (status: number) => () => Response.json({ error: { code: 'x', message: 'x', requestId: 'r' } }, { status });

test('a link is its own token until it was refused', async () => {
  const asked = serve(() => Response.json({}));
  expect(await linkTokens('ifl_one').current(false)).toEqual({ token: 'ifl_one' });
  expect(asked).toHaveLength(0);
});

test('whether a refused link still lives is asked, with the token in the body only', async () => {
  const asked = serve(() => Response.json({}));
  expect(await linkTokens('ifl_one').current(true)).toEqual({ token: 'ifl_one' });
  expect(asked[0]!.url).toBe(`${location.origin}/api/links/look`);
  expect(await asked[0]!.json()).toEqual({ token: 'ifl_one' });
});

test('a link that has ended signs out for good', async () => {
  serve(refused(404));
  const tokens = linkTokens('ifl_one');
  const told = vi.fn();
  tokens.watch(told);
  expect(await tokens.current(true)).toBe('signed-out');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).not.toHaveBeenCalled();
});

test('where nobody could say, the connection is told to try again, until it is closed', async () => {
  for (const status of [429, 500, 503]) {
    serve(refused(status));
    const tokens = linkTokens('ifl_one');
    const told = vi.fn();
    const stop = tokens.watch(told);
    expect(await tokens.current(true)).toBe('unreachable');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(told.mock.calls).toEqual([['ifl_one']]);
    await tokens.current(true);
    stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toHaveBeenCalledTimes(1);
  }
});
