import { Handle, Position, useUpdateNodeInternals, type NodeProps } from '@xyflow/react';
import { memo, useEffect } from 'react';

import { handlesOf, nodeSpec } from '../../model/spec';
import { cx } from '../../ui/class-names';
import type { FlowNode } from '../canvas/canvas-nodes';
import { useEditable } from '../editable';
import { kindOf } from '../node-kinds';
import { RunHere } from './run-here';
import { SelectedBy } from './selected-by';
import { summaryOf } from './summary';

/** A node that does something: its name, what it says, and a row for each output. */
export const StepNode = memo(function StepNode({ id, data, selected }: NodeProps<FlowNode>) {
  const { view, strays, strayInput } = data;
  const editable = useEditable();
  const spec = nodeSpec(view.type);
  const handles = spec ? handlesOf(spec, view.data) : [];
  const lost = strays === '' ? [] : strays.split('\n');
  const { icon: Icon, color } = kindOf(view.type);
  const summary = spec ? summaryOf(view) : 'This editor does not know this type of node.';
  const update = useUpdateNodeInternals();
  const outputs = [...handles.map((handle) => handle.id), ...lost].join('\n');
  useEffect(() => update(id), [update, id, outputs, strayInput]);
  return (
    <div
      className={cx(
        'relative w-56 rounded-xl border bg-white shadow-sm',
        selected ? 'border-brand-600 ring-2 ring-brand-100' : 'border-slate-300',
        view.disabled && 'opacity-55',
        !spec && 'border-dashed',
      )}
    >
      <RunHere id={id} />
      <SelectedBy id={id} />
      {((spec?.hasInput ?? true) || strayInput) && <Handle type="target" position={Position.Left} isConnectable={editable} className="handle" style={{ top: 21 }} />}
      <div className="flex items-center gap-2 px-3 pt-2.5 pb-1.5">
        <span className="flex size-5 shrink-0 items-center justify-center rounded-md text-white" style={{ backgroundColor: color }}>
          <Icon size={12} aria-hidden />
        </span>
        <span className="min-w-0 flex-1 truncate text-sm font-medium text-slate-900">{view.label || spec?.label || view.type || 'Unknown'}</span>
        {view.disabled && <span className="text-xs text-slate-500">off</span>}
      </div>
      {summary && <p className="mx-3 mb-2 line-clamp-3 text-xs break-words text-slate-600">{summary}</p>}
      {handles.map((handle) => (
        <Output key={handle.id} id={handle.id} label={handles.length > 1 ? handle.label : ''} editable={editable} />
      ))}
      {lost.map((handle) => (
        <Output key={handle} id={handle} label={spec ? 'No such output' : handle} editable={false} stray={spec !== undefined} />
      ))}
      <div className="h-1.5" />
    </div>
  );
});

function Output({ id, label, editable, stray }: { id: string; label: string; editable: boolean; stray?: boolean }) {
  return (
    <div className="relative flex h-6 items-center justify-end pr-3.5 pl-3">
      <span className={cx('truncate text-xs', stray ? 'text-red-700' : 'text-slate-500')}>{label}</span>
      <Handle type="source" id={id} position={Position.Right} isConnectable={editable} className={cx('handle', stray && 'handle-stray')} />
    </div>
  );
}
