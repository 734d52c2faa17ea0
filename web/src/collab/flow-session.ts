import type { Json } from '../model/fields.generated';
import { Connection, type ConnectionOptions } from './connection';
import { exportFlow } from './export';
import { FlowBinding } from './flow-binding';
import { FlowDoc } from './flow-doc';
import { OfflineStore, storeName } from './offline-store';
import { Presence } from './presence';

export interface SessionOptions {
  flowId: string;
  user: { id: string; name: string };
  /** How a guest wants to be called. */
  guest?: string | undefined;
  token: ConnectionOptions['token'];
  onRoleDoubt: () => void;
}

/** One flow, open in this tab: its document and everything that keeps it in step. */
export class FlowSession {
  private constructor(
    readonly flow: FlowDoc,
    readonly binding: FlowBinding,
    readonly presence: Presence,
    readonly connection: Connection,
    private readonly store: OfflineStore | null,
  ) {}

  /** Loads what this device keeps of the flow, then connects without waiting for it. */
  static async open({ flowId, user, guest, token, onRoleDoubt }: SessionOptions): Promise<FlowSession> {
    const flow = new FlowDoc();
    flow.editable = false; // Until the role is known.
    const store = await OfflineStore.open(storeName(user.id, flowId), flow.doc);
    const presence = new Presence(flow, user);
    const { awareness } = presence;
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/sync`;
    const connection = new Connection({ url, flowId, flow, awareness, store, guest, token, onRoleDoubt });
    const session = new FlowSession(flow, new FlowBinding(flow), presence, connection, store);
    void connection.open();
    return session;
  }

  /** Whether edits outlive this page before they are sent. */
  get keepsEdits(): boolean {
    return this.store !== null;
  }

  /** What the role allows; the connection joins anew where that makes a difference. */
  mayEdit(may: boolean): void {
    this.connection.mayEdit(may);
  }

  /** Whether edits are taken right now. */
  setEditable(editable: boolean): void {
    this.flow.editable = editable;
  }

  /** Keeps what the server said about the flow, for when it cannot be asked. */
  keepFlow(flow: Json): void {
    this.store?.keepFlow(flow).catch((error: unknown) => console.warn('could not keep the flow on this device', error));
  }

  /** The local copy, unsent changes included, in the form that flows are imported from. */
  exportCopy(): string {
    return exportFlow(this.flow);
  }

  /** Gives up the copy on this device, with every change that was not sent. */
  async discard(): Promise<void> {
    this.close();
    await this.store?.discard();
  }

  close(): void {
    this.connection.close();
    this.presence.destroy();
    this.binding.destroy();
    this.store?.close().catch((error: unknown) => console.warn('could not close the copy on this device', error));
    this.flow.destroy();
  }
}
