import '@xyflow/react/dist/style.css';

import {
  Background, Controls, MiniMap, ReactFlow, SelectionMode, useNodesInitialized, useReactFlow,
  type Connection, type DefaultEdgeOptions, type Edge, type IsValidConnection,
} from '@xyflow/react';
import { useCallback, useEffect, useMemo, useRef, useState, type DragEvent, type PointerEvent } from 'react';

import { addNode, connect } from '../../collab/commands';
import type { Peer, Point } from '../../collab/presence';
import { useFlowView, usePeers, useSession } from '../../collab/use-flow-session';
import type { NodeType } from '../../model/fields.generated';
import { nodeSpec } from '../../model/spec';
import { useEditable } from '../editable';
import { Arrows, edgeTypes } from '../edges/flow-edge';
import { kindOf, starterData } from '../node-kinds';
import { nodeTypes } from '../nodes';
import { DRAGGED_TYPE } from '../palette';
import { makeEdges, NodeMaker, type FlowNode } from './canvas-nodes';
import { select, selectedNodes, useCanvas, useCanvasStore } from './canvas-store';
import { Cursors } from './cursors';
import { useEdgeChanges, useNodeChanges } from './use-changes';

/** Beyond so many nodes only what is in sight is drawn. */
const DRAW_ALL_MAX = 150;
const EDGE_OPTIONS: DefaultEdgeOptions = { interactionWidth: 24 };
const FIT = { padding: 0.2, maxZoom: 1 };
const MINIMAP = { width: 160, height: 110 };

export function Canvas() {
  const editable = useEditable();
  const store = useCanvasStore();
  const { flow, presence, binding } = useSession();
  const { screenToFlowPosition } = useReactFlow();
  const onNodesChange = useNodeChanges();
  const onEdgesChange = useEdgeChanges();
  const { nodes, edges } = useElements();
  useShownSelection();
  useFirstFit(nodes.length);

  const onConnect = useCallback((ends: Connection) => {
    const id = connect(flow, ends);
    if (id !== null) select(store, [], [id]);
  }, [flow, store]);
  const isValid: IsValidConnection<Edge> = useCallback(({ target }) => {
    const type = binding.node(target)?.type;
    return type !== undefined && nodeSpec(type)?.hasInput !== false;
  }, [binding]);
  const onDrop = (event: DragEvent) => {
    const type = event.dataTransfer.getData(DRAGGED_TYPE);
    if (!nodeSpec(type)) return;
    event.preventDefault();
    const id = addNode(flow, { type: type as NodeType, place: screenToFlowPosition({ x: event.clientX, y: event.clientY }), data: starterData(type) });
    if (id !== null) select(store, [id]);
  };
  const point = (event: PointerEvent) => presence.show({ cursor: rounded(screenToFlowPosition({ x: event.clientX, y: event.clientY })) });

  return (
    <div className="relative min-w-0 flex-1" onPointerMove={point} onPointerLeave={() => presence.show({ cursor: null })}>
      <ReactFlow
        aria-label="Canvas"
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        defaultEdgeOptions={EDGE_OPTIONS}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onConnect={onConnect}
        isValidConnection={isValid}
        onDrop={onDrop}
        onDragOver={(event) => event.preventDefault()}
        nodesDraggable={editable}
        nodesConnectable={editable}
        edgesReconnectable={false}
        deleteKeyCode={null}
        selectionMode={SelectionMode.Partial}
        onlyRenderVisibleElements={nodes.length > DRAW_ALL_MAX}
        minZoom={0.1}
        snapToGrid={false}
      >
        <Background gap={20} color="#cbd5e1" />
        <Controls showInteractive={false} position="bottom-left" />
        <MiniMap pannable zoomable nodeColor={colorOfNode} nodeBorderRadius={8} position="bottom-right" className="!hidden lg:!block" style={MINIMAP} ariaLabel="Overview" />
        <Cursors />
        <Arrows />
      </ReactFlow>
      {nodes.length === 0 && <EmptyHint editable={editable} />}
    </div>
  );
}

const colorOfNode = (node: FlowNode) => kindOf(node.data.view.type).color;

function useElements() {
  const views = useFlowView((view) => view.nodes);
  const edgeViews = useFlowView((view) => view.edges);
  const locals = useCanvas((state) => state.nodes);
  const selectedEdges = useCanvas((state) => state.selectedEdges);
  const drags = usePeers(dragsOf);
  const [maker] = useState(() => new NodeMaker());
  const nodes = useMemo(() => maker.make(views, edgeViews, locals, drags), [maker, views, edgeViews, locals, drags]);
  const edges = useMemo(() => makeEdges(edgeViews, views, selectedEdges), [edgeViews, views, selectedEdges]);
  return { nodes, edges };
}

const NO_DRAGS: ReadonlyMap<string, Point> = new Map();
let lastDrags: { key: string; drags: ReadonlyMap<string, Point> } = { key: '', drags: NO_DRAGS };

/** What others drag right now; the same map while nothing of it changes, as their cursors do. */
function dragsOf(peers: readonly Peer[]): ReadonlyMap<string, Point> {
  const all = peers.flatMap(({ drag }) => [...drag]);
  if (all.length === 0) return NO_DRAGS;
  const key = JSON.stringify(all);
  if (key !== lastDrags.key) {
    const before = lastDrags.drags;
    // A node that did not move keeps its point, and so its place on the canvas.
    const kept = all.map(([id, at]): [string, Point] => {
      const was = before.get(id);
      return [id, was?.x === at.x && was.y === at.y ? was : at];
    });
    lastDrags = { key, drags: new Map(kept) };
  }
  return lastDrags.drags;
}

/** Others see what is selected here. */
function useShownSelection(): void {
  const { presence } = useSession();
  const ids = useCanvas((state) => selectedNodes(state).join('\n'));
  useEffect(() => presence.show({ selection: ids === '' ? [] : ids.split('\n') }), [presence, ids]);
}

/** Shows the whole flow once, when its nodes have arrived. */
function useFirstFit(count: number): void {
  const { fitView } = useReactFlow();
  const measured = useNodesInitialized();
  const done = useRef(false);
  useEffect(() => {
    // Of a large flow not every node is drawn, and so measured; estimates do.
    if (done.current || count === 0 || !(measured || count > DRAW_ALL_MAX)) return;
    done.current = true;
    void fitView(FIT);
  }, [count, measured, fitView]);
}

function EmptyHint({ editable }: { editable: boolean }) {
  return (
    <div className="pointer-events-none absolute inset-0 flex items-center justify-center">
      <p className="rounded-xl bg-white/80 px-4 py-3 text-center text-sm text-slate-500">
        {editable ? 'Nothing here yet. Click a node on the left, or drag it here.' : 'Nothing here yet.'}
      </p>
    </div>
  );
}

function rounded({ x, y }: Point): Point {
  return { x: Math.round(x), y: Math.round(y) };
}
