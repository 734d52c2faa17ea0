import * as Y from 'yjs';

/** Tags the transactions of this tab's own edits. */
const LOCAL = Symbol('local edit');

/** Keystrokes in one field become one undo entry while they follow each other so closely. */
const TYPING_PAUSE_MS = 500;

/** A flow's document: its roots, and the one way in which this tab changes them. */
export class FlowDoc {
  readonly doc = new Y.Doc();
  readonly nodes = this.doc.getMap<unknown>('nodes');
  readonly layout = this.doc.getMap<unknown>('layout');
  readonly edges = this.doc.getMap<unknown>('edges');
  readonly meta = this.doc.getMap<unknown>('meta');
  readonly variables = this.doc.getMap<unknown>('variables');
  readonly settings = this.doc.getMap<unknown>('settings');
  readonly tests = this.doc.getMap<unknown>('tests');

  /** Whether edits are taken. The server decides; this spares people edits it would refuse. */
  editable = true;

  /** Undoes this tab's own edits only, whoever edited in between. */
  readonly undoManager = new Y.UndoManager(
    [this.nodes, this.layout, this.edges, this.meta, this.variables, this.settings],
    { trackedOrigins: new Set([LOCAL]), captureTimeout: TYPING_PAUSE_MS },
  );
  private typing: string | null = null;

  /**
   * Makes one edit: one transaction, one undo entry. Edits with the same `typing`
   * in quick succession share an entry. Answers whether the edit was taken.
   */
  edit(change: () => void, typing: string | null = null): boolean {
    if (!this.editable) return false;
    if (typing === null || typing !== this.typing) this.undoManager.stopCapturing();
    this.typing = typing;
    this.doc.transact(change, LOCAL);
    return true;
  }

  undo(): void {
    if (this.editable) this.undoManager.undo();
  }

  redo(): void {
    if (this.editable) this.undoManager.redo();
  }

  /** Whether this tab, and not another peer, made the transaction. */
  isOwn(transaction: Y.Transaction): boolean {
    return transaction.origin === LOCAL || transaction.origin === this.undoManager;
  }

  get clientId(): number {
    return this.doc.clientID;
  }

  destroy(): void {
    this.undoManager.destroy();
    this.doc.destroy();
  }
}
