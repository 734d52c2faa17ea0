import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { readAuthMessage } from 'y-protocols/auth';
import { messageYjsSyncStep1 } from 'y-protocols/sync';
import type { WebsocketProvider } from 'y-websocket';

const MESSAGE_SYNC = 0;
const MESSAGE_AUTH = 2;
const MESSAGE_BARRIER = 102;

export interface WireEvents {
  /** The server asks for what it lacks; the answer is sent when this has returned. */
  onAsked: () => void;
  /** Everything sent before the barrier of this number is durable. */
  onBarrier: (number: number) => void;
  /** Something we sent was not applied. */
  onDenied: (reason: string) => void;
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
}

/** Asks to be told when everything sent so far is durable. Answers whether it was sent. */
export function sendBarrier(provider: WebsocketProvider, number: number): boolean {
  const { ws, wsconnected } = provider;
  if (!wsconnected || ws?.readyState !== WebSocket.OPEN) return false;
  const message = encoding.createEncoder();
  encoding.writeVarUint(message, MESSAGE_BARRIER);
  encoding.writeVarUint8Array(message, encoding.encode((inner) => encoding.writeVarUint(inner, number)));
  ws.send(encoding.toUint8Array(message));
  return true;
}
