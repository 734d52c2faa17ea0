// Peers for tests: documents that exchange updates without a network.
import * as Y from 'yjs';

import { FlowBinding } from './flow-binding';
import { FlowDoc } from './flow-doc';

export interface Peer {
  flow: FlowDoc;
  binding: FlowBinding;
}

export function peer(): Peer {
  const flow = new FlowDoc();
  return { flow, binding: new FlowBinding(flow) };
}

/** Hands every update to all others at once. */
export function connectAll(...peers: Peer[]): void {
  for (const from of peers) {
    for (const to of peers) if (to !== from) Y.applyUpdate(to.flow.doc, Y.encodeStateAsUpdate(from.flow.doc), 'network');
    from.flow.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'network') for (const to of peers) if (to !== from) Y.applyUpdate(to.flow.doc, update, 'network');
    });
  }
}
