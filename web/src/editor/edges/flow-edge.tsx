import { BaseEdge, EdgeLabelRenderer, getBezierPath, type EdgeProps } from '@xyflow/react';
import { memo } from 'react';

import { useRuns } from '../../collab/use-flow-session';
import { isTaken } from '../nodes/run-here';

const FlowEdge = memo(function FlowEdge(props: EdgeProps) {
  const { id, label, selected, source, sourceHandleId } = props;
  const taken = useRuns((runs) => isTaken(runs, source, sourceHandleId));
  const { color, arrow } = selected ? SELECTED : taken ? TAKEN : PLAIN;
  const [path, x, y] = getBezierPath(props);
  return (
    <>
      <BaseEdge
        id={id}
        path={path}
        markerEnd={`url(#${arrow})`}
        interactionWidth={props.interactionWidth ?? 24}
        className={taken ? 'taken' : ''}
        style={{ stroke: color, strokeWidth: selected || taken ? 2.5 : 1.75 }}
      />
      {typeof label === 'string' && label !== '' && (
        <EdgeLabelRenderer>
          <div
            className="pointer-events-none absolute max-w-40 truncate rounded-md border border-slate-200 bg-white px-1.5 py-0.5 text-xs text-slate-700"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
          >
            {label}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  );
});

const PLAIN = { arrow: 'flow-arrow', color: '#94a3b8' };
const SELECTED = { arrow: 'flow-arrow-selected', color: '#4f46e5' };
/** A run has just gone this way. */
const TAKEN = { arrow: 'flow-arrow-taken', color: '#0369a1' };

/** The arrow heads that edges end in; drawn once per page. */
export function Arrows() {
  return (
    <svg className="absolute size-0" aria-hidden>
      <defs>
        {[PLAIN, SELECTED, TAKEN].map(({ arrow, color }) => (
          <Arrow key={arrow} id={arrow} color={color} />
        ))}
      </defs>
    </svg>
  );
}

function Arrow({ id, color }: { id: string; color: string }) {
  return (
    <marker id={id} viewBox="0 0 10 10" refX="9" refY="5" markerWidth="14" markerHeight="14" markerUnits="userSpaceOnUse" orient="auto">
      <path d="M1 1l8 4-8 4z" fill={color} />
    </marker>
  );
}

export const edgeTypes = { flow: FlowEdge };
