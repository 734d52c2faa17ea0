import { Awareness } from 'y-protocols/awareness';

import { colorOf } from '../model/color';
import type { FlowDoc } from './flow-doc';
import { members } from './read';
import { newestOf, readRun, type ShownRun } from './runs';
import { readPlace, type Place } from './views';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What another tab shows of its person. */
export interface Peer {
  readonly clientId: number;
  readonly user: { readonly id: string; readonly name: string; readonly color: string };
  /** In flow coordinates. */
  readonly cursor: Point | null;
  readonly selection: readonly string[];
  /** Nodes on their way, relative to their parents. */
  readonly drag: ReadonlyMap<string, Point>;
  /** The field being edited: node id and path, joined by `/`. */
  readonly field: string | null;
}

interface Shown {
  cursor: Point | null;
  selection: readonly string[];
  drag: Record<string, Point> | null;
  field: string | null;
}

/** Cursors move often; more than this nobody sees. */
const INTERVAL_MS = 50;
const SELECTION_MAX = 100;

/** Who is here, and what this tab shows of its own person. Never stored. */
export class Presence {
  readonly awareness: Awareness;
  private peers: readonly Peer[] = [];
  private runs: readonly ShownRun[] = [];
  private readonly listeners = new Set<() => void>();
  private shown: Shown = { cursor: null, selection: [], drag: null, field: null };
  private timer: ReturnType<typeof setTimeout> | null = null;
  private stale = false;

  constructor(flow: FlowDoc, private readonly user: { id: string; name: string }) {
    this.awareness = new Awareness(flow.doc);
    this.send();
    this.awareness.on('change', this.onChange);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getPeers = (): readonly Peer[] => this.peers;

  /** The same value until a run has moved. */
  readonly getRuns = (): readonly ShownRun[] => this.runs;

  /** Shows something new, at once or with the next of few sendings a second. */
  show(change: Partial<Shown>): void {
    const selection = change.selection?.slice(0, SELECTION_MAX);
    this.shown = { ...this.shown, ...change, ...(selection && { selection }) };
    this.stale = true;
    if (this.timer === null) this.flush();
  }

  destroy(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.listeners.clear();
    this.awareness.destroy();
  }

  private flush(): void {
    this.timer = null;
    if (!this.stale) return;
    this.stale = false;
    this.send();
    this.timer = setTimeout(() => this.flush(), INTERVAL_MS);
  }

  private send(): void {
    const { id, name } = this.user;
    this.awareness.setLocalState({ user: { id, name, color: colorOf(id) }, ...this.shown });
  }

  private readonly onChange = () => {
    const own = this.awareness.clientID;
    const others = [...this.awareness.getStates()].filter(([clientId]) => clientId !== own);
    this.peers = others.flatMap(([clientId, state]) => readPeer(clientId, state) ?? []).sort((a, b) => a.clientId - b.clientId);
    const runs = newestOf(others.flatMap(([, state]) => readRun(state) ?? []));
    if (JSON.stringify(runs) !== JSON.stringify(this.runs)) this.runs = runs;
    for (const listener of [...this.listeners]) listener();
  };
}

/** Others may show anything. What is not a person is left out; runs are not. */
export function readPeer(clientId: number, state: unknown): Peer | null {
  const value = Object.fromEntries(members(state) ?? []);
  const user = Object.fromEntries(members(value.user) ?? []);
  if (readRun(state)) return null;
  if (typeof user.id !== 'string' || typeof user.name !== 'string') return null;
  const color = typeof user.color === 'string' && /^#[0-9a-f]{6}$/i.test(user.color) ? user.color : colorOf(user.id);
  const drag = (members(value.drag) ?? []).flatMap(([id, place]): [string, Place][] => {
    const read = readPlace(place);
    return read ? [[id, read]] : [];
  });
  return {
    clientId,
    user: { id: user.id, name: user.name.slice(0, 80), color },
    cursor: readPlace(value.cursor),
    selection: Array.isArray(value.selection) ? value.selection.filter((id) => typeof id === 'string').slice(0, SELECTION_MAX) : [],
    drag: new Map(drag),
    field: typeof value.field === 'string' ? value.field : null,
  };
}
