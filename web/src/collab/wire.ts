import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { readAuthMessage } from 'y-protocols/auth';
import { messageYjsSyncStep1 } from 'y-protocols/sync';
import type { WebsocketProvider } from 'y-websocket';

const MESSAGE_SYNC = 0;
const MESSAGE_AUTH = 2;
const MESSAGE_BARRIER = 102;
const MESSAGE_GROWTH = 103;

/** How large the document is, encoded, and at which size edits are refused. */
export interface Growth {
  bytes: number;
  bytesMax: number;
}

export interface WireEvents {
  /** The server asks for what it lacks; the answer is sent when this has returned. */
  onAsked: () => void;
  /** Everything sent before the barrier of this number is durable. */
  onBarrier: (number: number) => void;
  /** Something we sent was not applied. */
  onDenied: (reason: string) => void;
  /** The document nears its limit; told again as it grows, and when it no longer does. */
  onGrowth: (growth: Growth) => void;
}

/** Adds to the stock provider what it leaves out: barriers, and telling what the server asks and refuses. */
export function listen(provider: WebsocketProvider, events: WireEvents): void {
  const sync = provider.messageHandlers[MESSAGE_SYNC]!;
  provider.messageHandlers[MESSAGE_SYNC] = (encoder, decoder, ...rest) => {
    const kind = decoding.peekVarUint(decoder);
    sync(encoder, decoder, ...rest);
    if (kind === messageYjsSyncStep1) events.onAsked();
  };
  provider.messageHandlers[MESSAGE_AUTH] = (_encoder, decoder) => {
    readAuthMessage(decoder, provider.doc, (_doc, reason) => events.onDenied(reason));
  };
  provider.messageHandlers[MESSAGE_BARRIER] = (_encoder, decoder) => {
    const echoed = decoding.createDecoder(decoding.readVarUint8Array(decoder));
    events.onBarrier(decoding.readVarUint(echoed));
  };
  provider.messageHandlers[MESSAGE_GROWTH] = (_encoder, decoder) => {
    const size = decoding.createDecoder(decoding.readVarUint8Array(decoder));
    events.onGrowth({ bytes: decoding.readVarUint(size), bytesMax: decoding.readVarUint(size) });
  };
}

/** Asks to be told when everything sent so far is durable. Answers whether it was sent. */
export function sendBarrier(provider: WebsocketProvider, number: number): boolean {
  return send(provider, MESSAGE_BARRIER, encoding.encode((inner) => encoding.writeVarUint(inner, number)));
}

/** Asks to be told when the document nears its limit. */
export function askGrowth(provider: WebsocketProvider): boolean {
  return send(provider, MESSAGE_GROWTH, new Uint8Array());
}

function send(provider: WebsocketProvider, type: number, body: Uint8Array): boolean {
  const { ws, wsconnected } = provider;
  if (!wsconnected || ws?.readyState !== WebSocket.OPEN) return false;
  const message = encoding.createEncoder();
  encoding.writeVarUint(message, type);
  encoding.writeVarUint8Array(message, body);
  ws.send(encoding.toUint8Array(message));
  return true;
}
