import { BaseEdge, EdgeLabelRenderer, getBezierPath, type EdgeProps } from '@xyflow/react';
import { memo } from 'react';

const FlowEdge = memo(function FlowEdge(props: EdgeProps) {
  const { id, label, selected } = props;
  const [path, x, y] = getBezierPath(props);
  return (
    <>
      <BaseEdge
        id={id}
        path={path}
        markerEnd={`url(#${selected ? ARROW_SELECTED : ARROW})`}
        interactionWidth={props.interactionWidth ?? 24}
        style={{ stroke: selected ? '#4f46e5' : '#94a3b8', strokeWidth: selected ? 2.5 : 1.75 }}
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

const ARROW = 'flow-arrow';
const ARROW_SELECTED = 'flow-arrow-selected';

/** The arrow heads that edges end in; drawn once per page. */
export function Arrows() {
  return (
    <svg className="absolute size-0" aria-hidden>
      <defs>
        <Arrow id={ARROW} color="#94a3b8" />
        <Arrow id={ARROW_SELECTED} color="#4f46e5" />
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
