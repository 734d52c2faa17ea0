import { Handle, NodeResizeControl, Position, type NodeProps } from '@xyflow/react';
import { memo } from 'react';

import { cx } from '../../ui/class-names';
import type { FlowNode } from '../canvas/canvas-nodes';
import { useEditable } from '../editable';
import { paperOf } from '../node-kinds';
import { SelectedBy } from './selected-by';

/** A remark on the canvas. */
export const NoteNode = memo(function NoteNode({ id, data, selected }: NodeProps<FlowNode>) {
  const { view } = data;
  const [paper, rim] = paperOf(view.data.colour, 'yellow');
  const text = typeof view.data.text === 'string' ? view.data.text : '';
  return (
    <div
      className={cx('relative h-full w-full overflow-hidden rounded-lg border p-3 shadow-sm', selected && 'ring-2 ring-brand-500')}
      style={{ backgroundColor: paper, borderColor: rim }}
    >
      {view.label && <p className="truncate text-sm font-semibold text-slate-900">{view.label}</p>}
      <p className="text-sm break-words whitespace-pre-wrap text-slate-800">{text || (view.label ? '' : 'An empty note')}</p>
      <Extras id={id} data={data} selected={selected} />
    </div>
  );
});

/** A frame around other nodes. */
export const GroupNode = memo(function GroupNode({ id, data, selected }: NodeProps<FlowNode>) {
  const { view } = data;
  const [paper, rim] = paperOf(view.data.colour, 'grey');
  const text = typeof view.data.text === 'string' ? view.data.text : '';
  return (
    <div
      className={cx('relative h-full w-full rounded-2xl border-2 p-3', selected && 'ring-2 ring-brand-500')}
      style={{ backgroundColor: `${paper}80`, borderColor: rim }}
    >
      <p className="truncate text-sm font-semibold text-slate-700">{view.label || 'Group'}</p>
      {text && <p className="line-clamp-2 text-xs text-slate-600">{text}</p>}
      <Extras id={id} data={data} selected={selected} />
    </div>
  );
});

/** What both have: who selected them, a corner to pull, and ends for edges that should not be there. */
function Extras({ id, data, selected }: Pick<NodeProps<FlowNode>, 'id' | 'data' | 'selected'>) {
  const editable = useEditable();
  return (
    <>
      <SelectedBy id={id} />
      {selected && editable && <NodeResizeControl position="bottom-right" minWidth={120} minHeight={60} className="resize-corner" />}
      {data.strayInput && <Handle type="target" position={Position.Left} isConnectable={false} className="handle handle-stray" />}
      {data.strays.split('\n').filter(Boolean).map((handle) => (
        <Handle key={handle} type="source" id={handle} position={Position.Right} isConnectable={false} className="handle handle-stray" />
      ))}
    </>
  );
}
