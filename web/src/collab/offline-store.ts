import { fetchUpdates, IndexeddbPersistence } from 'y-indexeddb';
import * as Y from 'yjs';

import type { Json } from '../model/fields.generated';

/**
 * What a tab knows of its edits, kept beside the document so that the count of
 * unsent changes survives a reload and a closed tab.
 */
interface TabRecord {
  /** Edits made and not acknowledged. */
  unsent: number;
  /** The tab's own clock when it was last acknowledged. */
  clock: number;
}

const CUSTOM = 'custom';
const TAB = 'tab:';
const FLOW = 'flow';

/** The document and the count of unsent edits, on this device. One per person and flow. */
export class OfflineStore {
  /** Records of other tabs whose edits may be unsent, as last read. */
  private found: [string, TabRecord][] = [];
  private readonly own: string;

  private constructor(private readonly persistence: IndexeddbPersistence, private readonly doc: Y.Doc) {
    this.own = TAB + doc.clientID;
  }

  /** Loads what is kept into the document. Nothing if this browser keeps nothing. */
  static async open(name: string, doc: Y.Doc): Promise<OfflineStore | null> {
    if (!(await canStore())) return null;
    const persistence = new IndexeddbPersistence(name, doc);
    await persistence.whenSynced;
    const store = new OfflineStore(persistence, doc);
    // Before the first edit: a clock beyond this one is then known to be unsent.
    await store.keep({ unsent: 0, clock: 0 });
    return store;
  }

  /** What is unsent of other tabs and earlier pages, once it is in our document. */
  async findUnsent(): Promise<number> {
    await fetchUpdates(this.persistence);
    const tabs = await this.otherTabs();
    const unsent = ([key, { unsent, clock }]: [string, TabRecord]) =>
      Math.max(unsent, this.clockOf(Number(key.slice(TAB.length))) > clock ? 1 : 0);
    this.found = tabs;
    return tabs.reduce((sum, tab) => sum + unsent(tab), 0);
  }

  /** The tab's own clock: how far it has written. */
  ownClock(): number {
    return this.clockOf(this.doc.clientID);
  }

  async keep(record: TabRecord): Promise<void> {
    await this.put(this.own, record);
  }

  /** Forgets the records that were found, but for those whose tabs went on since. */
  async forgetFound(): Promise<void> {
    const found = this.found.splice(0);
    if (found.length === 0 || !this.persistence.db) return;
    const store = this.persistence.db.transaction(CUSTOM, 'readwrite').objectStore(CUSTOM);
    await Promise.all(found.map(async ([key, record]) => {
      const now = await answer(store.get(key) as IDBRequest<TabRecord | undefined>);
      if (now?.unsent === record.unsent && now.clock === record.clock) await answer(store.delete(key));
    }));
  }

  /** What the server said about the flow, for when it cannot be asked. */
  async keepFlow(flow: Json): Promise<void> {
    await this.put(FLOW, flow);
  }

  async close(): Promise<void> {
    await this.persistence.destroy();
  }

  /** Gives up everything that is kept of the flow. */
  async discard(): Promise<void> {
    await this.persistence.destroy();
    await answer(indexedDB.deleteDatabase(this.persistence.name));
  }

  private async otherTabs(): Promise<[string, TabRecord][]> {
    if (!this.persistence.db) return [];
    const store = this.persistence.db.transaction(CUSTOM, 'readonly').objectStore(CUSTOM);
    const range = IDBKeyRange.bound(TAB, `${TAB}\uffff`);
    const [keys, records] = await Promise.all([answer(store.getAllKeys(range)), answer(store.getAll(range) as IDBRequest<TabRecord[]>)]);
    return keys.map((key, at): [string, TabRecord] => [key as string, records[at]!]).filter(([key]) => key !== this.own);
  }

  private async put(key: string, value: unknown): Promise<void> {
    const store = this.persistence.db?.transaction(CUSTOM, 'readwrite').objectStore(CUSTOM);
    if (store) await answer(store.put(value, key));
  }

  private clockOf(client: number): number {
    return Y.getState(this.doc.store, client);
  }
}

/** The flow as the server last described it, read without opening the document. */
export async function keptFlow(name: string): Promise<unknown> {
  if (!(await canStore())) return undefined;
  const databases = await indexedDB.databases();
  if (!databases.some((database) => database.name === name)) return undefined;
  const db = await answer(indexedDB.open(name));
  try {
    return db.objectStoreNames.contains(CUSTOM) ? await answer(db.transaction(CUSTOM).objectStore(CUSTOM).get(FLOW)) : undefined;
  } finally {
    db.close();
  }
}

/** The name of a person's copy of a flow on this device. */
export function storeName(userId: string, flowId: string): string {
  return `interflow:${userId}:${flowId}`;
}

/** Private windows and full disks may keep nothing. */
async function canStore(): Promise<boolean> {
  try {
    const db = await answer(indexedDB.open('interflow:probe'));
    db.close();
    return true;
  } catch {
    return false; // Not an error: the editor works without, and says so.
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the request to the local database failed'));
  });
}
