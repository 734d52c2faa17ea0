import { beforeEach, expect, test } from 'vitest';

import { ChatConnection, type Kept, type Listener } from './connection.ts';
import type { BotMessage, ServerMessage } from './protocol.ts';

class Socket {
  static all: Socket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number; reason: string }) => void;

  constructor(readonly protocols: string[]) {
    Socket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  says(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  breaks(code: number, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

let told: string[];
let memory: { token: string; messages: BotMessage[] } | null;

const kept: Kept = {
  load: () => memory,
  save: (token, messages) => (memory = { token, messages: [...messages] }),
  clear: () => (memory = null),
};

const listener: Listener = {
  state: (state, reason) => told.push(`state ${state}${reason ? ` ${reason}` : ''}`),
  connected: (name) => told.push(`connected ${name}`),
  message: ({ id, text }) => told.push(`message ${id} ${text}`),
  typing: (ms) => told.push(`typing ${ms}`),
  asks: (ask) => told.push(ask ? `asks ${ask.visit}` : 'asks nothing'),
  problem: (message) => told.push(`problem ${message}`),
};

const open = (_: string, protocols: string[]) => new Socket(protocols) as unknown as WebSocket;
const chat = () => new ChatConnection({ url: 'ws://x/chat/f', token: () => 'ifl_t', kept, listener, open, wait: () => Promise.resolve() });
const latest = () => Socket.all.at(-1)!;
const settled = () => new Promise((done) => setTimeout(done, 0));

const connected: ServerMessage = { type: 'chat:connected', sessionId: 's', resumeToken: 's.1', flow: { id: 'f', name: 'Quiz' } };
const message = (id: number): ServerMessage => ({ type: 'chat:bot_message', message: { id, text: `m${id}`, block: { kind: 'text', content: [] } } });

beforeEach(() => {
  Socket.all = [];
  told = [];
  memory = null;
});

test('a chat begins, and goes on after a break without saying anything twice', async () => {
  const connection = chat();
  latest().opens();
  expect(latest().protocols).toEqual(['interflow', 'interflow.token.ifl_t']);
  expect(latest().sent).toEqual([{ type: 'chat:start', preview: false }]);
  latest().says(connected);
  latest().says(message(1));
  latest().says({ type: 'chat:input', kind: 'text', visit: 3 });
  connection.answer({ text: 'hi' }, 3);
  const answer = latest().sent.at(-1)!;
  expect(answer).toMatchObject({ type: 'chat:message', text: 'hi', visit: 3 });

  latest().breaks(1006);
  await settled();
  latest().opens();
  expect(latest().sent).toEqual([{ type: 'chat:start', resume: 's.1', after: 1 }]);
  latest().says(connected);
  expect(latest().sent.at(-1)).toEqual(answer);
  latest().says(message(1));
  latest().says(message(2));
  expect(told.filter((line) => line.startsWith('message'))).toEqual(['message 1 m1', 'message 2 m2']);
});

test('a reload goes on with what the tab has kept', () => {
  memory = { token: 's.1', messages: [{ id: 4, text: 'm4', block: { kind: 'text', content: [] } }] };
  chat();
  expect(told[0]).toBe('message 4 m4');
  latest().opens();
  expect(latest().sent).toEqual([{ type: 'chat:start', resume: 's.1', after: 4 }]);
  // It is not known there any more.
  latest().says({ type: 'chat:error', code: 'not_found', message: 'there is no such run' });
  expect(latest().sent.at(-1)).toEqual({ type: 'chat:start', preview: false });
  expect(memory).toBeNull();
});

test('what is refused for good is told and not tried again', async () => {
  chat();
  latest().breaks(4403, 'not allowed');
  await settled();
  expect(Socket.all).toHaveLength(1);
  expect(told.at(-1)).toBe('state refused not allowed');
});

test('an end says how, and starting over begins anew', () => {
  const connection = chat();
  latest().opens();
  latest().says(connected);
  latest().says({ type: 'chat:ended', reason: 'failed', error: 'a division by zero' });
  expect(told.slice(-2)).toEqual(['asks nothing', 'state ended a division by zero']);
  connection.reset();
  expect(latest().sent.at(-1)).toEqual({ type: 'chat:reset' });
  latest().says({ ...connected, resumeToken: 's.2' });
  latest().says(message(1));
  expect(told.at(-1)).toBe('message 1 m1');
});

test('a chat is begun anew also before it is there, and the run before is not heard', () => {
  memory = { token: 's.1', messages: [{ id: 1, text: 'm1', block: { kind: 'text', content: [] } }] };
  const connection = chat();
  connection.reset();
  latest().opens();
  latest().says(connected);
  expect(latest().sent).toEqual([{ type: 'chat:start', resume: 's.1', after: 0 }, { type: 'chat:reset' }]);
  told = [];
  latest().says(message(1));
  latest().says({ type: 'chat:ended', reason: 'completed' });
  expect(told).toEqual([]);
  latest().says({ ...connected, resumeToken: 't.1' });
  latest().says(message(1));
  expect(told).toEqual(['connected Quiz', 'state live', 'message 1 m1']);
  expect(memory?.token).toBe('t.1');
});

test('a reset that is lost on its way is sent again', async () => {
  const connection = chat();
  latest().opens();
  latest().says(connected);
  connection.reset();
  expect(latest().sent.at(-1)).toEqual({ type: 'chat:reset' });
  latest().breaks(1006);
  await settled();
  latest().opens();
  latest().says(connected);
  expect(latest().sent.at(-1)).toEqual({ type: 'chat:reset' });
});

test('an answer that is refused ends no chat, and the question is there again', () => {
  const connection = chat();
  latest().opens();
  latest().says(connected);
  latest().says({ type: 'chat:input', kind: 'text', visit: 3 });
  connection.answer({ text: 'x'.repeat(70_000) }, 3);
  latest().says({ type: 'chat:error', code: 'invalid', message: 'answer: has at most 64 KiB as JSON' });
  expect(told.slice(-2)).toEqual(['problem answer: has at most 64 KiB as JSON', 'asks 3']);
  expect(latest().sent.filter(({ type }) => type === 'chat:start')).toHaveLength(1);
  expect(memory?.token).toBe('s.1');
});
