import type { FieldSpec, Json } from '../model/fields.generated';
import { isKey } from '../model/ids';
import { isObject, nodeSpec, type JsonObject } from '../model/spec';
import type { FlowDoc } from './flow-doc';
import { fields, json, members } from './read';

/** The version of the JSON form that the server writes and reads. */
const VERSION = 1;
/** Test cases read as the items of a list do. */
const TESTS: FieldSpec = { name: 'tests', label: 'Tests', doc: '', kind: 'list', storage: 'map', required: false, item: 'test' };
const OF_THE_DOCUMENT = ['schema', 'lineage', 'name', 'description', 'tags'];

/**
 * The whole document in the flow's JSON form. The server exports flows itself;
 * this is for a copy the server does not have.
 */
export function exportFlow(flow: FlowDoc): string {
  const meta = object(json(flow.meta));
  const extra = Object.entries(meta).filter(([key]) => !OF_THE_DOCUMENT.includes(key));
  const nodes = entries(flow.nodes).map(([id, node]) => exportNode(id, node));
  const ids = new Set(nodes.map((node) => node.id));
  const layout = Object.entries(object(json(flow.layout))).filter(([id, place]) => ids.has(id) && isObject(place));
  const form: JsonObject = {
    interflow: VERSION,
    name: meta.name ?? '',
    description: meta.description ?? '',
    tags: Object.keys(object(meta.tags)),
    nodes,
    edges: entries(flow.edges).map(([id, edge]) => ({ ...object(json(edge)), id })),
    layout: Object.fromEntries(layout),
    variables: object(json(flow.variables)),
    settings: object(json(flow.settings)),
    ...(flow.tests.size > 0 && fields([['tests', flow.tests]], [TESTS])),
    ...Object.fromEntries(extra),
  };
  return `${JSON.stringify(form, null, 2)}\n`;
}

function exportNode(id: string, node: unknown): JsonObject {
  const all = members(node) ?? [];
  const plain = Object.fromEntries(all.filter(([key]) => key !== 'data').map(([key, value]) => [key, json(value)]));
  const specs: FieldSpec[] = (typeof plain.type === 'string' && nodeSpec(plain.type)?.fields) || [];
  const data = fields(members(all.find(([key]) => key === 'data')?.[1]) ?? [], specs);
  return { ...plain, id, data };
}

function entries(root: FlowDoc['nodes']): [string, unknown][] {
  const all = [...root.entries()].filter(([key, value]) => isKey(key) && members(value));
  return all.sort(([a], [b]) => (a < b ? -1 : 1));
}

function object(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
