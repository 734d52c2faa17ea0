import type { NodeView } from '../../collab/views';
import type { Json } from '../../model/fields.generated';
import { formatDuration } from '../../model/duration';
import { isObject, type JsonObject } from '../../model/spec';

/** What a node does, in a line or two. */
export function summaryOf({ type, data }: NodeView): string {
  switch (type) {
    case 'message':
      return items(data.blocks).map(blockText).filter(Boolean).join(' · ');
    case 'input':
      return text(data.prompt) || (text(data.variable) && `Asks for ${text(data.variable)}`);
    case 'set':
      return items(data.assignments).map((item) => text(item.variable)).filter(Boolean).join(', ');
    case 'api':
      return data.mode === 'mock' ? 'Answers from the mock' : text(data.url) && `${text(data.method) || 'GET'} ${text(data.url)}`;
    case 'delay':
      return typeof data.duration_ms === 'number' ? `Waits ${formatDuration(data.duration_ms)}` : text(data.until) || text(data.expression);
    case 'end':
      return text(data.message);
    default:
      return '';
  }
}

function blockText(block: JsonObject): string {
  const kind = text(block.kind) || 'text';
  if (kind === 'text') return text(block.text);
  return `[${kind}] ${text(block.title) || text(block.alt) || text(block.name) || text(block.url)}`.trim();
}

function items(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value.trim() : '';
}
