import { beforeEach, expect, test, vi } from 'vitest';

import { NotSent, sendFile } from './sending.ts';

/** Of the browser's: notes what is asked, and is answered by the test. */
class Request {
  static all: Request[] = [];
  url = '';
  headers: Record<string, string> = {};
  body: unknown = null;
  aborted = false;
  status = 0;
  responseText = '';
  retryAfter: string | null = null;
  upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;

  constructor() {
    Request.all.push(this);
  }

  open(_: string, url: URL): void {
    this.url = url.href;
  }

  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  getResponseHeader(name: string): string | null {
    return name === 'retry-after' ? this.retryAfter : null;
  }

  send(body: unknown): void {
    this.body = body;
  }

  abort(): void {
    this.aborted = true;
    this.onabort?.();
  }

  answers(status: number, body: unknown, retryAfter: string | null = null): void {
    Object.assign(this, { status, responseText: typeof body === 'string' ? body : JSON.stringify(body), retryAfter });
    this.onload?.();
  }
}

const place = { server: 'https://flows.example', run: 'r', token: 'ifl_t', resume: 'r.1' };
const file = new File(['abcd'], 'größe & 1.png');
const refusal = (code: string, message = 'no') => ({ error: { code, message } });
const latest = () => Request.all.at(-1)!;
const never = () => new AbortController().signal;

beforeEach(() => {
  Request.all = [];
  vi.stubGlobal('XMLHttpRequest', Request);
});

test('a file is sent as it is, with its name, and how far it is is told', async () => {
  const parts: number[] = [];
  const sent = sendFile(place, file, (part) => parts.push(part), never());
  expect(latest().url).toBe('https://flows.example/api/runs/r/files?name=gr%C3%B6%C3%9Fe+%26+1.png');
  expect(latest().headers).toEqual({ authorization: 'Bearer ifl_t', 'x-resume-token': 'r.1', 'content-type': 'application/octet-stream' });
  expect(latest().body).toBe(file);
  latest().upload.onprogress?.({ loaded: 1, total: 4 });
  latest().answers(201, { id: 'f1' });
  expect(await sent).toBe('f1');
  expect(parts).toEqual([0.25]);
});

test('who is told to come again does, so many times', async () => {
  vi.useFakeTimers();
  const sent = sendFile(place, file, () => {}, never());
  latest().answers(429, refusal('busy'), '2');
  await vi.advanceTimersByTimeAsync(1_999);
  expect(Request.all).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  latest().answers(201, { id: 'f1' });
  expect(await sent).toBe('f1');
  const never_taken = expect(sendFile(place, file, () => {}, never())).rejects.toThrow('wait a while');
  for (let attempt = 0; attempt < 4; attempt += 1) {
    latest().answers(429, refusal('busy', 'wait a while'), '1');
    await vi.advanceTimersByTimeAsync(1_000);
  }
  await never_taken;
  expect(Request.all).toHaveLength(6);
  vi.useRealTimers();
});

test('what is refused is told in words, whoever answers', async () => {
  for (const [status, body, message] of [
    [413, refusal('file_too_large'), 'It is too large.'],
    [409, refusal('too_many_files'), 'This conversation takes no more files. Start over to send others.'],
    [422, refusal('invalid', 'name: says what the file is called'), 'name: says what the file is called'],
    [502, '<html>', 'It did not get through. Try again when you are online.'],
  ] as const) {
    const sent = sendFile(place, file, () => {}, never());
    latest().answers(status, body);
    await expect(sent).rejects.toThrow(message);
  }
  const sent = sendFile(place, file, () => {}, never());
  latest().onerror?.();
  await expect(sent).rejects.toMatchObject({ code: 'offline' });
});

test('what is not wanted any more is not sent on', async () => {
  const stopped = new AbortController();
  const sent = sendFile(place, file, () => {}, stopped.signal);
  stopped.abort();
  expect(latest().aborted).toBe(true);
  await expect(sent).rejects.toEqual(new NotSent('aborted', ''));
});
