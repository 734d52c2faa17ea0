import type { Awareness } from 'y-protocols/awareness';
import { WebsocketProvider } from 'y-websocket';
import type * as Y from 'yjs';

import {
  advance, NEW_LINK, refusalOf, toState, unacknowledged,
  type ConnectionState, type Link, type LinkEvent, type Refusal,
} from './connection-state';
import type { FlowDoc } from './flow-doc';
import type { OfflineStore } from './offline-store';
import { askGrowth, listen, sendBarrier, type Growth } from './wire';

/** The longest wait between two attempts, and as much again by chance: not all come back at once. */
const BACKOFF_MS = 2_000;

export interface ConnectionOptions {
  url: string;
  flowId: string;
  flow: FlowDoc;
  awareness: Awareness;
  store: OfflineStore | null;
  /** How a guest wants to be called. */
  guest?: string | undefined;
  /** A token that is good now; `renew` if the last one was refused. */
  token: (renew: boolean) => Promise<{ token: string } | 'signed-out' | 'unreachable'>;
  /** The server says that this tab may not edit: ask what it may. */
  onRoleDoubt: () => void;
}

/** One flow's connection: sends, receives, and knows what of ours is durable. */
export class Connection {
  private link: Link = NEW_LINK;
  private state: ConnectionState = toState(NEW_LINK);
  private readonly listeners = new Set<() => void>();
  private readonly provider: WebsocketProvider;
  /** Whether the server has asked on this socket for what it lacks, as it asks editors. */
  private asked = false;
  private barrier = 0;
  private inFlight: { number: number; made: number; clock: number } | null = null;
  /** Our own clock when it was last acknowledged. */
  private clock = 0;
  private denials = 0;
  private growth: Growth | null = null;
  private closed = false;

  constructor(private readonly options: ConnectionOptions) {
    const { url, flowId, flow, awareness } = options;
    // Tabs do not talk to each other directly: the server checks what each may do.
    this.provider = new WebsocketProvider(url, flowId, flow.doc, {
      awareness,
      connect: false,
      disableBc: true,
      maxBackoffTime: BACKOFF_MS + Math.random() * BACKOFF_MS,
    });
    listen(this.provider, {
      onAsked: () => this.onAsked(),
      onBarrier: (number) => this.onBarrier(number),
      onDenied: () => this.onDenied(),
      onGrowth: (growth) => this.onGrowth(growth),
    });
    this.provider.on('status', ({ status }) => status === 'connected' && this.onConnected());
    this.provider.on('sync', (synced) => synced && this.onSynced());
    this.provider.on('connection-close', (event) => this.onClose(event?.code ?? 0));
    this.provider.on('connection-error', () => this.advance({ type: 'lost' }));
    flow.doc.on('update', this.onUpdate);
    window.addEventListener('offline', this.onNetwork);
    window.addEventListener('online', this.onNetwork);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getState = (): ConnectionState => this.state;

  /** The size of the document, once the server has said that it nears its limit. */
  readonly getGrowth = (): Growth | null => this.growth;

  /** Connects, or connects anew after a refusal. */
  async open(renew = false): Promise<void> {
    if (this.link.phase === 'refused') this.advance({ type: 'retried' });
    await this.findUnsent();
    const answer = await this.options.token(renew);
    if (this.closed) return;
    if (answer === 'signed-out') return this.advance({ type: 'refused', reason: 'signed-out' });
    if (answer === 'unreachable') return this.advance({ type: 'lost' });
    const { flow, guest } = this.options;
    const lineage: unknown = flow.meta.get('lineage');
    this.provider.params = { token: answer.token, ...(guest && { guest }), ...(typeof lineage === 'string' && { lineage }) };
    this.provider.connect();
  }

  /** A newer token, for the next time. Connects if the lack of one was what kept us. */
  renewed(token: string): void {
    this.provider.params = { ...this.provider.params, token };
    if (!this.provider.shouldConnect && (this.link.phase === 'offline' || this.link.reason === 'signed-out')) void this.open();
  }

  /** The role changed: the socket must be joined anew where the server has not asked for our edits. */
  mayEdit(may: boolean): void {
    if (may && this.link.phase === 'live' && !this.asked) this.rejoin();
    if (may && this.link.reason === 'edit-refused') this.rejoin();
  }

  close(): void {
    this.closed = true;
    this.options.flow.doc.off('update', this.onUpdate);
    window.removeEventListener('offline', this.onNetwork);
    window.removeEventListener('online', this.onNetwork);
    this.provider.destroy();
    this.listeners.clear();
  }

  private rejoin(): void {
    this.provider.disconnect();
    void this.open();
  }

  private readonly onUpdate = (_update: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) => {
    if (!this.options.flow.isOwn(transaction)) return;
    this.advance({ type: 'edited' });
    this.keepCount();
    // After the provider has sent the edit, which it does in a handler like this one.
    queueMicrotask(() => this.askDurable());
  };

  private onAsked(): void {
    this.asked = true;
    // The server may ask again when an edit reached it without what it builds on:
    // only a barrier behind the new answer covers that edit.
    this.inFlight = null;
    if (this.provider.synced) this.onBothWays();
  }

  private onSynced(): void {
    if (this.asked) return this.onBothWays();
    // The server asks editors first and answers then. It did not ask: we are a viewer.
    this.advance({ type: 'synced' });
    this.options.onRoleDoubt();
    if (unacknowledged(this.link) > 0) this.advance({ type: 'refused', reason: 'edit-refused' });
  }

  private onBothWays(): void {
    this.advance({ type: 'synced' });
    const lineage: unknown = this.options.flow.meta.get('lineage');
    if (typeof lineage === 'string') this.provider.params = { ...this.provider.params, lineage };
    // Behind our answer, which is sent when the message that called us is dealt with.
    queueMicrotask(() => this.askDurable());
  }

  /** One barrier at a time; its echo sends the next if there is something new. */
  private askDurable(): void {
    if (this.link.phase !== 'live' || !this.asked || this.inFlight || unacknowledged(this.link) === 0) return;
    const number = this.barrier + 1;
    if (!sendBarrier(this.provider, number)) return;
    this.barrier = number;
    this.inFlight = { number, made: this.link.made, clock: this.options.store?.ownClock() ?? 0 };
  }

  private onBarrier(number: number): void {
    if (this.inFlight?.number !== number) return;
    const { made, clock } = this.inFlight;
    this.inFlight = null;
    this.denials = 0;
    this.advance({ type: 'acknowledged', made });
    this.clock = clock;
    this.keepCount();
    this.report(this.options.store?.forgetFound());
    this.askDurable();
  }

  private keepCount(): void {
    const unsent = this.link.made - this.link.acknowledged;
    this.report(this.options.store?.keep({ unsent, clock: this.clock }));
  }

  /** An edit was not applied, and this socket answers no barrier any more. */
  private onDenied(): void {
    this.options.onRoleDoubt();
    this.denials += 1;
    // Once may be an accident of timing: whoever joins anew is asked for everything.
    if (this.denials === 1) this.rejoin();
    else this.refuse('edit-refused');
  }

  private onConnected(): void {
    this.forgetPeers();
    askGrowth(this.provider);
  }

  private onGrowth(growth: Growth): void {
    this.growth = growth;
    this.listeners.forEach((listener) => listener());
  }

  private onClose(code: number): void {
    this.asked = false;
    this.inFlight = null;
    const refusal = refusalOf(code);
    if (refusal === 'signed-out' && this.link.phase !== 'refused') {
      // Perhaps only the token was old: a newer one decides.
      this.advance({ type: 'lost' });
      this.provider.shouldConnect = false;
      void this.open(true);
    } else if (refusal) this.refuse(refusal);
    else if (code !== 0 || this.provider.shouldConnect) {
      this.advance({ type: 'lost' });
      // A tab that was closed meanwhile may have left edits on this device.
      this.report(this.findUnsent());
    }
  }

  /**
   * The others' clocks, with which awareness tells news from what it knows. They have not
   * changed when we come back, and whoever is still there would stay unseen until they do.
   */
  private forgetPeers(): void {
    const { meta, clientID } = this.options.awareness;
    for (const id of [...meta.keys()]) if (id !== clientID) meta.delete(id);
  }

  private refuse(reason: Refusal): void {
    this.advance({ type: 'refused', reason });
    this.provider.disconnect();
  }

  private async findUnsent(): Promise<void> {
    const { store } = this.options;
    if (!store || this.closed) return;
    this.advance({ type: 'found', edits: await store.findUnsent() });
    this.askDurable();
  }

  /** The browser's word is only a hint; the socket, opened anew, knows. */
  private readonly onNetwork = () => {
    if (this.link.phase === 'refused') return;
    this.advance({ type: 'lost' });
    this.rejoin();
  };

  private advance(event: LinkEvent): void {
    this.link = advance(this.link, event);
    this.state = toState(this.link);
    for (const listener of [...this.listeners]) listener();
  }

  /** Keeping copies may fail; the document in memory and the server do not depend on it. */
  private report(kept: Promise<void> | undefined): void {
    kept?.catch((error: unknown) => console.warn('could not keep unsent changes on this device', error));
  }
}
