import { useFlowView } from '../../collab/use-flow-session';
import { nodeSpec } from '../../model/spec';
import { Select } from '../../ui/input';
import { useEditable } from '../editable';
import type { FieldProps } from './field';

/** Another node of the flow, one that a run can be at. */
export function NodeRefField({ id, value, at, set }: FieldProps & { id: string }) {
  const editable = useEditable();
  const nodes = useFlowView((view) => view.nodes);
  const choices = nodes.filter((node) => node.id !== at.node && nodeSpec(node.type)?.hasInput);
  const chosen = typeof value === 'string' ? value : '';
  return (
    <Select id={id} value={chosen} disabled={!editable} onChange={(event) => set(event.target.value || undefined)}>
      <option value="">Choose…</option>
      {chosen !== '' && !choices.some((node) => node.id === chosen) && <option value={chosen}>A node that is not there</option>}
      {choices.map((node) => (
        <option key={node.id} value={node.id}>
          {node.label || nodeSpec(node.type)?.label}
        </option>
      ))}
    </Select>
  );
}
