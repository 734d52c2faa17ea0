import { CircleCheck, CircleX, LoaderCircle, Play } from 'lucide-react';

import type { RunStatus, ShownRun } from '../../collab/runs';
import { useRuns } from '../../collab/use-flow-session';

const LOOKS: Record<RunStatus, { color: string; icon: typeof Play; word: string }> = {
  busy: { color: '#0369a1', icon: LoaderCircle, word: 'is busy here' },
  waiting: { color: '#0369a1', icon: Play, word: 'waits here' },
  completed: { color: '#15803d', icon: CircleCheck, word: 'has ended here' },
  failed: { color: '#b91c1c', icon: CircleX, word: 'has failed here' },
  cancelled: { color: '#64748b', icon: CircleX, word: 'was ended here' },
};

const standing = new WeakMap<readonly ShownRun[], Map<string, ShownRun[]>>();

/** Which runs stand where; worked out once for each change. */
function standingAt(runs: readonly ShownRun[], node: string): readonly ShownRun[] | undefined {
  let by = standing.get(runs);
  if (!by) {
    by = new Map();
    for (const run of runs) {
      if (run.node !== null) by.set(run.node, [...(by.get(run.node) ?? []), run]);
    }
    standing.set(runs, by);
  }
  return by.get(node);
}

/** A rim around a node at which runs stand, and whose they are. */
export function RunHere({ id }: { id: string }) {
  const here = useRuns((runs) => standingAt(runs, id));
  const last = here?.at(-1);
  if (!here || !last) return null;
  const { color, icon: Icon, word } = LOOKS[last.status];
  const whose = last.by === null ? 'A run' : `${last.by}’s run`;
  const title = here.length > 1 ? `${here.length} runs` : `${whose} ${word}`;
  return (
    <span data-testid="run-here" data-status={last.status} className="pointer-events-none absolute -inset-1.5 rounded-[16px] border-2" style={{ borderColor: color }}>
      <span className="absolute right-2 -bottom-5 flex max-w-52 items-center gap-1 rounded-b-md px-1.5 text-xs leading-5 font-medium text-white" style={{ backgroundColor: color }}>
        <Icon size={12} aria-hidden className={last.status === 'busy' ? 'animate-spin' : ''} />
        <span className="truncate">{title}</span>
      </span>
    </span>
  );
}

const passed = new WeakMap<readonly ShownRun[], Set<string>>();

/** Whether a run has just gone from this output on. */
export function isTaken(runs: readonly ShownRun[], node: string, port: string | null | undefined): boolean {
  let taken = passed.get(runs);
  if (!taken) {
    taken = new Set(runs.flatMap(({ trail }) => trail.flatMap(({ node, port }) => (port === null ? [] : [`${node} ${port}`]))));
    passed.set(runs, taken);
  }
  return taken.has(`${node} ${port ?? 'out'}`);
}
