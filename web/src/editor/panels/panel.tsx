import { Trash2, X } from 'lucide-react';
import type { ReactNode } from 'react';

import { disableNode, labelEdge, labelNode } from '../../collab/commands';
import { useFlowView, useSession } from '../../collab/use-flow-session';
import type { EdgeView, NodeView } from '../../collab/views';
import { nodeSpec } from '../../model/spec';
import { Button, IconButton } from '../../ui/button';
import { select, selectedNodes, useCanvas, useCanvasStore } from '../canvas/canvas-store';
import { useEditable } from '../editable';
import { kindOf } from '../node-kinds';
import { useRemoveSelected } from '../use-remove';
import { DraftInput } from './draft-input';
import { FieldRow } from './field-row';
import { NodeFields } from './node-fields';

/** What is selected, and everything about it that can be changed. */
export function Panel() {
  const ids = useCanvas((state) => selectedNodes(state).join('\n'));
  const edgeIds = useCanvas((state) => [...state.selectedEdges].join('\n'));
  const nodes = useFlowView((view) => view.nodes);
  const edges = useFlowView((view) => view.edges);
  const selected = nodes.filter(({ id }) => ids.split('\n').includes(id));
  const drawn = edges.filter(({ id }) => edgeIds.split('\n').includes(id));
  const [node] = selected;
  const [edge] = drawn;
  if (selected.length + drawn.length > 1) {
    return <Frame title={`${selected.length + drawn.length} things selected`} removes="Delete all">{null}</Frame>;
  }
  if (node) return <NodePanel key={node.id} node={node} />;
  if (edge) return <EdgePanel key={edge.id} edge={edge} nodes={nodes} />;
  return null;
}

function NodePanel({ node }: { node: NodeView }) {
  const { flow } = useSession();
  const editable = useEditable();
  const spec = nodeSpec(node.type);
  const { icon: Icon, color } = kindOf(node.type);
  const mark = (
    <span className="flex size-6 shrink-0 items-center justify-center rounded-md text-white" style={{ backgroundColor: color }}>
      <Icon size={14} aria-hidden />
    </span>
  );
  return (
    <Frame title={spec?.label ?? node.type} mark={mark} removes="Delete node">
      <p className="text-xs text-slate-500">{spec?.doc ?? 'This editor does not know this type of node. It is kept as it is.'}</p>
      <FieldRow label="Label" name={`${node.id}/label`}>
        {(props) => <DraftInput {...props} value={node.label} maxLength={200} placeholder={spec?.label} disabled={!editable} onCommit={(text) => labelNode(flow, node.id, text)} />}
      </FieldRow>
      {spec && <NodeFields node={node} spec={spec} />}
      {spec?.executed && (
        <label className="flex items-center gap-2 text-sm text-slate-700">
          <input type="checkbox" className="accent-brand-600" checked={node.disabled} disabled={!editable} onChange={(event) => disableNode(flow, node.id, event.target.checked)} />
          Switched off
        </label>
      )}
    </Frame>
  );
}

function EdgePanel({ edge, nodes }: { edge: EdgeView; nodes: readonly NodeView[] }) {
  const { flow } = useSession();
  const editable = useEditable();
  const nameOf = (id: string) => {
    const node = nodes.find((other) => other.id === id);
    return node ? node.label || nodeSpec(node.type)?.label || node.type : id;
  };
  return (
    <Frame title="Edge" removes="Delete edge">
      <p className="text-sm break-words text-slate-600">
        From <b className="font-medium text-slate-900">{nameOf(edge.source)}</b> to <b className="font-medium text-slate-900">{nameOf(edge.target)}</b>
      </p>
      <FieldRow label="Label" name={`${edge.id}/label`}>
        {(props) => <DraftInput {...props} value={edge.label} maxLength={200} disabled={!editable} onCommit={(text) => labelEdge(flow, edge.id, text)} />}
      </FieldRow>
    </Frame>
  );
}

function Frame({ title, mark, removes, children }: { title: string; mark?: ReactNode; removes: string; children: ReactNode }) {
  const store = useCanvasStore();
  const editable = useEditable();
  const removeSelected = useRemoveSelected();
  return (
    <aside aria-label={title} className="flex w-72 shrink-0 flex-col border-l border-slate-200 bg-white xl:w-80">
      <header className="flex h-12 shrink-0 items-center gap-2 border-b border-slate-100 pr-2 pl-4">
        {mark}
        <h2 className="min-w-0 flex-1 truncate text-sm font-semibold text-slate-900">{title}</h2>
        <IconButton label="Close panel" onClick={() => select(store, [])}>
          <X size={16} aria-hidden />
        </IconButton>
      </header>
      <div className="min-h-0 flex-1 space-y-4 overflow-y-auto px-4 py-4">{children}</div>
      {editable && (
        <footer className="shrink-0 border-t border-slate-100 p-3">
          <Button className="w-full !text-red-700" onClick={removeSelected}>
            <Trash2 size={15} aria-hidden /> {removes}
          </Button>
        </footer>
      )}
    </aside>
  );
}
