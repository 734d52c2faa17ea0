import { useReactFlow, useStoreApi } from '@xyflow/react';

import { addNode } from '../collab/commands';
import { useSession } from '../collab/use-flow-session';
import { NODE_TYPES, type NodeType } from '../model/fields.generated';
import { select, useCanvasStore } from './canvas/canvas-store';
import { kindOf, starterData } from './node-kinds';

export const DRAGGED_TYPE = 'application/x-interflow-node';

/** How far a new node is put from one that is in its place already. */
const STEP_ASIDE = 40;

/** The nodes there are: click one to add it in the middle, or drag it to its place. */
export function Palette() {
  const add = useAdd();
  return (
    <nav aria-label="Add a node" className="w-14 shrink-0 overflow-y-auto border-r border-slate-200 bg-white p-2 lg:w-40">
      <ul className="space-y-0.5">
        {Object.values(NODE_TYPES).map(({ name, label, doc }) => {
          const { icon: Icon, color } = kindOf(name);
          return (
            <li key={name}>
              <button
                type="button"
                draggable
                aria-label={`Add ${label}`}
                title={`${label}: ${doc}`}
                onClick={() => add(name)}
                onDragStart={(event) => {
                  event.dataTransfer.setData(DRAGGED_TYPE, name);
                  event.dataTransfer.effectAllowed = 'copy';
                }}
                className="flex w-full items-center justify-center gap-2.5 rounded-lg p-2 text-left text-sm text-slate-700 hover:bg-slate-100 lg:justify-start"
              >
                <span className="flex size-6 shrink-0 items-center justify-center rounded-md text-white" style={{ backgroundColor: color }}>
                  <Icon size={14} aria-hidden />
                </span>
                <span className="hidden truncate lg:inline">{label}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function useAdd(): (type: NodeType) => void {
  const { flow, binding } = useSession();
  const store = useCanvasStore();
  const canvas = useStoreApi();
  const { screenToFlowPosition } = useReactFlow();
  return (type) => {
    const box = canvas.getState().domNode?.getBoundingClientRect();
    if (!box) return;
    const middle = screenToFlowPosition({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
    let place = { x: Math.round(middle.x) - 110, y: Math.round(middle.y) - 40 };
    const taken = () => binding.getView().nodes.some(({ place: { x, y } }) => Math.abs(x - place.x) < STEP_ASIDE / 2 && Math.abs(y - place.y) < STEP_ASIDE / 2);
    while (taken()) place = { x: place.x + STEP_ASIDE, y: place.y + STEP_ASIDE };
    const id = addNode(flow, { type, place, data: starterData(type) });
    if (id !== null) select(store, [id]);
  };
}
