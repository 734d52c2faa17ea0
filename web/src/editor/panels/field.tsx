import type { FieldPath } from '../../collab/fields';
import type { FieldSpec, Json } from '../../model/fields.generated';
import { isObject, itemFields } from '../../model/spec';
import { useEditable } from '../editable';
import { Select } from '../../ui/input';
import { ExpressionsField } from './expressions-field';
import { FieldRow } from './field-row';
import { ListField } from './list-field';
import { Fields } from './node-fields';
import { NodeRefField } from './node-ref-field';
import { ProseField } from './prose-field';
import { TextField } from './text-field';

export interface FieldProps {
  spec: FieldSpec;
  value: Json | undefined;
  at: FieldPath;
  set: (value: Json | undefined) => void;
}

/** The control that fits a field's kind. */
export function Field(props: FieldProps) {
  const { spec, at } = props;
  if (spec.kind === 'bool') return <BoolField {...props} />;
  if (spec.kind === 'object') return <ObjectField {...props} />;
  if (spec.kind === 'list') return <ListField {...props} />;
  if (spec.kind === 'expressions') return <ExpressionsField {...props} />;
  return (
    <FieldRow label={spec.label} doc={spec.doc} required={spec.required} name={`${at.node}/${at.path.join('/')}`}>
      {({ id }) => {
        if (spec.kind === 'prose') return <ProseField id={id} at={at} lengthMax={spec.lengthMax} />;
        if (spec.kind === 'enum') return <EnumField id={id} {...props} />;
        if (spec.kind === 'nodeRef') return <NodeRefField id={id} {...props} />;
        return <TextField id={id} {...props} />;
      }}
    </FieldRow>
  );
}

function BoolField({ spec, value, set }: FieldProps) {
  const editable = useEditable();
  const checked = (value ?? spec.default) === true;
  return (
    <label className="flex items-center gap-2 text-sm text-slate-700" title={spec.doc}>
      <input type="checkbox" className="accent-brand-600" checked={checked} disabled={!editable} onChange={(event) => set(event.target.checked)} />
      {spec.label}
    </label>
  );
}

function EnumField({ id, spec, value, set }: FieldProps & { id: string }) {
  const editable = useEditable();
  const chosen = typeof value === 'string' ? value : String(spec.default ?? '');
  const known = spec.choices?.some((choice) => choice.value === chosen) ?? false;
  return (
    <Select id={id} value={chosen} disabled={!editable} onChange={(event) => set(event.target.value || undefined)}>
      {!known && <option value={chosen}>{chosen || 'Choose…'}</option>}
      {spec.choices?.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </Select>
  );
}

function ObjectField({ spec, value, at, set }: FieldProps) {
  const values = isObject(value) ? value : {};
  const write = (name: string, member: Json | undefined) => {
    const rest = Object.entries(values).filter(([key]) => key !== name);
    const next: [string, Json][] = member === undefined ? rest : [...rest, [name, member]];
    set(next.length > 0 ? Object.fromEntries(next) : undefined);
  };
  return (
    <fieldset className="space-y-3 rounded-lg border border-slate-200 p-3" title={spec.doc}>
      <legend className="px-1 text-xs font-medium text-slate-700">{spec.label}</legend>
      <Fields specs={itemFields(spec)} values={values} scope={{ ...at, write }} />
    </fieldset>
  );
}
