import * as encoding from 'lib0/encoding';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';

import { addNode } from './commands';
import { Connection } from './connection';
import { FlowDoc } from './flow-doc';

/** A server's end of a socket, moved by hand. */
class Socket {
  static all: Socket[] = [];
  static readonly OPEN = 1;
  readonly OPEN = 1;
  readyState = 0;
  binaryType = '';
  sent: Uint8Array[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: Uint8Array }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(readonly url: string) {
    Socket.all.push(this);
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(...parts: (number | Uint8Array)[]): void {
    const data = encoding.encode((to) => {
      for (const part of parts) if (typeof part === 'number') encoding.writeVarUint(to, part);
      else encoding.writeVarUint8Array(to, part);
    });
    this.onmessage?.({ data });
  }

  /** What a server says on joining: its step 1 to who may edit, and its answer to ours. */
  async join(mayEdit: boolean): Promise<void> {
    this.open();
    if (mayEdit) this.say(0, 0, Y.encodeStateVector(new Y.Doc()));
    this.say(0, 1, Y.encodeStateAsUpdate(new Y.Doc()));
    await settled();
  }

  barriers(): Uint8Array[] {
    return this.sent.filter((bytes) => bytes[0] === 102);
  }

  echo(barrier: Uint8Array): void {
    this.onmessage?.({ data: barrier });
  }

  end(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

let flow: FlowDoc;
let connection: Connection;
let token: ReturnType<typeof vi.fn<(renew: boolean) => Promise<{ token: string } | 'signed-out' | 'unreachable'>>>;
let onRoleDoubt: ReturnType<typeof vi.fn<() => void>>;
const socket = () => Socket.all.at(-1)!;
const edit = async () => {
  addNode(flow, { type: 'end', place: { x: 0, y: 0 } });
  await settled();
};

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', Socket);
  Socket.all = [];
  flow = new FlowDoc();
  token = vi.fn(() => Promise.resolve({ token: 'one' }));
  onRoleDoubt = vi.fn();
  connection = new Connection({ url: 'ws://test/sync', flowId: 'f', flow, awareness: new Awareness(flow.doc), store: null, token, onRoleDoubt });
  await connection.open();
});

afterEach(() => {
  connection.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('it asks how large the document is and tells what it hears', async () => {
  const heard = vi.fn();
  connection.subscribe(heard);
  await socket().join(true);
  expect(socket().sent).toContainEqual(new Uint8Array([103, 0]));
  expect(connection.getGrowth()).toBeNull();
  heard.mockClear();
  socket().say(103, encoding.encode((to) => [850, 1000].forEach((size) => encoding.writeVarUint(to, size))));
  expect(connection.getGrowth()).toEqual({ bytes: 850, bytesMax: 1000 });
  expect(heard).toHaveBeenCalledOnce();
});

test('whoever was there before we lost the connection is seen again after it', async () => {
  const other = new Awareness(new Y.Doc());
  other.setLocalState({ cursor: { x: 1, y: 2 } });
  const hello = () => encodeAwarenessUpdate(other, [other.clientID]);
  const awareness = new Awareness(flow.doc);
  connection.close();
  connection = new Connection({ url: 'ws://test/sync', flowId: 'f', flow, awareness, store: null, token, onRoleDoubt });
  await connection.open();
  await socket().join(true);
  socket().say(1, hello());
  expect(awareness.getStates().has(other.clientID)).toBe(true);
  socket().end(1012);
  expect(awareness.getStates().has(other.clientID)).toBe(false);
  await vi.advanceTimersByTimeAsync(5_000);
  await socket().join(true);
  socket().say(1, hello());
  expect(awareness.getStates().has(other.clientID)).toBe(true);
  other.destroy();
});

test('an edit is saved when the barrier sent behind it comes back', async () => {
  await socket().join(true);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 0 });
  await edit();
  expect(connection.getState()).toEqual({ kind: 'live', saving: 1 });
  const [barrier] = socket().barriers();
  expect(socket().sent.at(-1)).toBe(barrier); // Behind the edit, not before it.
  socket().echo(barrier!);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 0 });
});

test('edits made while a barrier is under way wait for the next one', async () => {
  await socket().join(true);
  await edit();
  await edit();
  expect(socket().barriers()).toHaveLength(1);
  socket().echo(socket().barriers()[0]!);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 1 });
  socket().echo(socket().barriers()[1]!);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 0 });
});

test('a barrier is sent only behind the answer to the server, never before', async () => {
  await edit();
  socket().open();
  await settled();
  expect(socket().barriers()).toEqual([]);
  socket().say(0, 0, Y.encodeStateVector(new Y.Doc()));
  socket().say(0, 1, Y.encodeStateAsUpdate(new Y.Doc()));
  await settled();
  expect(socket().barriers()).toHaveLength(1);
});

test('a server that asks again gets a new barrier behind the new answer', async () => {
  await socket().join(true);
  await edit();
  const [old] = socket().barriers();
  socket().say(0, 0, Y.encodeStateVector(new Y.Doc()));
  await settled();
  socket().echo(old!);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 1 });
  socket().echo(socket().barriers()[1]!);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 0 });
});

test('an outage keeps the count, and an echo of the old socket does not come through', async () => {
  await socket().join(true);
  await edit();
  const [first, barrier] = [socket(), socket().barriers()[0]!];
  first.end(1006);
  await settled();
  expect(connection.getState()).toEqual({ kind: 'offline', unsent: 1 });
  vi.advanceTimersByTime(5_000);
  expect(socket()).not.toBe(first);
  first.echo(barrier);
  await socket().join(true);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 1 });
  socket().echo(socket().barriers()[0]!);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 0 });
});

test('an old token is renewed once and the socket joined again', async () => {
  token.mockResolvedValue({ token: 'two' });
  socket().end(4401);
  await settled();
  expect(token).toHaveBeenLastCalledWith(true);
  expect(socket().url).toContain('token=two');
  await socket().join(true);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 0 });
});

test('who is signed out is told so', async () => {
  token.mockResolvedValue('signed-out');
  socket().end(4401);
  await settled();
  expect(connection.getState()).toEqual({ kind: 'refused', reason: 'signed-out', unsent: 0 });
});

test('final refusals are final', async () => {
  await socket().join(true);
  await edit();
  const sockets = Socket.all.length;
  socket().end(4403);
  vi.advanceTimersByTime(60_000);
  await settled();
  expect(Socket.all).toHaveLength(sockets);
  expect(connection.getState()).toEqual({ kind: 'refused', reason: 'no-access', unsent: 1 });
});

test('a refused edit is tried once more on a new socket, then reported', async () => {
  await socket().join(true);
  await edit();
  const denied = () => socket().onmessage?.({ data: encoding.encode((to) => [2, 0].forEach((n) => encoding.writeVarUint(to, n)) ?? encoding.writeVarString(to, 'no')) });
  denied();
  await settled();
  expect(onRoleDoubt).toHaveBeenCalled();
  expect(Socket.all).toHaveLength(2);
  await socket().join(true);
  denied();
  expect(connection.getState()).toEqual({ kind: 'refused', reason: 'edit-refused', unsent: 1 });
});

test('a viewer is live without being asked for anything; unsent edits of theirs are refused', async () => {
  await socket().join(false);
  expect(connection.getState()).toEqual({ kind: 'live', saving: 0 });
  socket().end(1012);
  await edit();
  vi.advanceTimersByTime(5_000);
  await socket().join(false);
  expect(connection.getState()).toEqual({ kind: 'refused', reason: 'edit-refused', unsent: 1 });
});

test('the lineage of the copy is stated when it is known', async () => {
  flow.doc.transact(() => flow.meta.set('lineage', 'abc'));
  expect(socket().url).not.toContain('lineage');
  socket().end(1006);
  await settled();
  await connection.open();
  vi.advanceTimersByTime(5_000);
  expect(socket().url).toContain('lineage=abc');
});
