import * as Y from 'yjs';

import type { FlowDoc } from './flow-doc';
import { readEdge, readMeta, readNode, readVariables, type EdgeView, type MetaView, type NodeView } from './views';

/** The flow as it is now. A new object after each change; what did not change is shared. */
export interface FlowView {
  readonly nodes: readonly NodeView[];
  readonly edges: readonly EdgeView[];
  readonly meta: MetaView;
  /** Names of the declared variables. */
  readonly variables: readonly string[];
}

/**
 * Keeps a plain view of the document for React, which reads it through
 * `useSyncExternalStore`. A transaction costs the entries it touched.
 */
export class FlowBinding {
  private readonly nodes = new Map<string, NodeView>();
  private readonly edges = new Map<string, EdgeView>();
  private readonly touched = { nodes: new Set<string>(), edges: new Set<string>(), meta: false, variables: false };
  private readonly listeners = new Set<() => void>();
  private readonly stops: (() => void)[] = [];
  private view: FlowView;
  /** Entries read since the start: what a change costs. */
  entriesRead = 0;

  constructor(private readonly flow: FlowDoc) {
    for (const id of flow.nodes.keys()) this.touched.nodes.add(id);
    for (const id of flow.edges.keys()) this.touched.edges.add(id);
    this.view = { nodes: [], edges: [], meta: readMeta(flow.meta), variables: readVariables(flow.variables) };
    this.rebuild();

    this.observe(flow.nodes, (id) => this.touched.nodes.add(id));
    this.observe(flow.layout, (id) => this.touched.nodes.add(id));
    this.observe(flow.edges, (id) => this.touched.edges.add(id));
    this.observe(flow.meta, () => (this.touched.meta = true));
    this.observe(flow.variables, () => (this.touched.variables = true));
    const flush = () => this.flush();
    flow.doc.on('afterTransaction', flush);
    this.stops.push(() => flow.doc.off('afterTransaction', flush));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getView = (): FlowView => this.view;

  node(id: string): NodeView | undefined {
    return this.nodes.get(id);
  }

  edge(id: string): EdgeView | undefined {
    return this.edges.get(id);
  }

  destroy(): void {
    this.listeners.clear();
    for (const stop of this.stops) stop();
  }

  /** Records what a transaction touches. Runs inside it, and so does nothing else. */
  private observe(root: Y.Map<unknown>, touch: (key: string) => void): void {
    const record = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => {
      for (const event of events) {
        const key = event.path[0];
        if (typeof key === 'string') touch(key);
        else if (event instanceof Y.YMapEvent) for (const changed of event.keysChanged as Set<string>) touch(changed);
      }
    };
    root.observeDeep(record);
    this.stops.push(() => root.unobserveDeep(record));
  }

  private flush(): void {
    const { nodes, edges, meta, variables } = this.touched;
    if (nodes.size + edges.size === 0 && !meta && !variables) return;
    this.rebuild();
    for (const listener of [...this.listeners]) listener();
  }

  private rebuild(): void {
    const { touched, flow } = this;
    const { nodes, edges } = touched;
    for (const id of nodes) put(this.nodes, id, readNode(id, flow.nodes.get(id), flow.layout.get(id)));
    for (const id of edges) put(this.edges, id, readEdge(id, flow.edges.get(id)));
    this.entriesRead += nodes.size + edges.size;
    this.view = {
      nodes: nodes.size > 0 ? [...this.nodes.values()] : this.view.nodes,
      edges: edges.size > 0 ? [...this.edges.values()] : this.view.edges,
      meta: touched.meta ? readMeta(flow.meta) : this.view.meta,
      variables: touched.variables ? readVariables(flow.variables) : this.view.variables,
    };
    nodes.clear();
    edges.clear();
    touched.meta = touched.variables = false;
  }
}

function put<View>(views: Map<string, View>, id: string, view: View | null): void {
  if (view) views.set(id, view);
  else views.delete(id);
}
