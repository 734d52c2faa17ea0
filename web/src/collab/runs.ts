import { members } from './read';

/** Where a run of the flow stands, as the server shows it to everybody who has the flow open. */
export interface ShownRun {
  readonly id: string;
  readonly kind: string;
  readonly status: RunStatus;
  /** Of several that show the same run the highest is the newest. */
  readonly version: number;
  readonly node: string | null;
  /** The nodes of the last turn, and the outputs they were left by. */
  readonly trail: readonly Passed[];
  /** Who began it; nobody is named where a guest did. */
  readonly by: string | null;
}

export interface Passed {
  readonly node: string;
  readonly port: string | null;
}

const STATUSES = ['busy', 'waiting', 'completed', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof STATUSES)[number];

const TRAIL_MAX = 64;

/** The run in a state of presence; null where it is not of a run. */
export function readRun(state: unknown): ShownRun | null {
  const run = Object.fromEntries(members(Object.fromEntries(members(state) ?? []).run) ?? []);
  const status = STATUSES.find((known) => known === run.status);
  if (typeof run.id !== 'string' || typeof run.kind !== 'string' || typeof run.version !== 'number' || !status) return null;
  const trail = (Array.isArray(run.trail) ? run.trail.slice(-TRAIL_MAX) : []).flatMap((passed: unknown): Passed[] => {
    const { node, port } = Object.fromEntries(members(passed) ?? []);
    return typeof node === 'string' ? [{ node, port: typeof port === 'string' ? port : null }] : [];
  });
  return {
    id: run.id,
    kind: run.kind,
    status,
    version: run.version,
    node: typeof run.node === 'string' ? run.node : null,
    trail,
    by: typeof run.by === 'string' ? run.by.slice(0, 80) : null,
  };
}

/** Each run once, as the newest that is told of it; in the order in which they began. */
export function newestOf(runs: readonly ShownRun[]): readonly ShownRun[] {
  const newest = new Map<string, ShownRun>();
  for (const run of runs) {
    if ((newest.get(run.id)?.version ?? -1) < run.version) newest.set(run.id, run);
  }
  // Ids of runs begin with the moment at which they were drawn.
  return [...newest.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
