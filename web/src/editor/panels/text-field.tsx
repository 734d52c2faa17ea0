import { useId } from 'react';

import { useFlowView } from '../../collab/use-flow-session';
import type { FieldSpec, Json } from '../../model/fields.generated';
import { useEditable } from '../editable';
import { DraftInput } from './draft-input';
import type { FieldProps } from './field';
import { parseField, printField } from './field-text';

/** Every kind of value that is written as text in one box. */
export function TextField({ id, spec, value, set }: FieldProps & { id: string }) {
  const editable = useEditable();
  const variables = useFlowView((view) => view.variables);
  const names = useId();
  const commit = (text: string) => {
    const parsed = parseField(spec, text);
    if ('error' in parsed) return parsed.error;
    set(parsed.value);
  };
  return (
    <>
      <DraftInput
        id={id}
        value={printField(spec, value)}
        placeholder={placeholder(spec)}
        disabled={!editable}
        spellCheck={false}
        className={isCode(spec) ? 'font-mono !text-xs' : undefined}
        onCommit={commit}
        {...(lines(spec, value) && { lines: lines(spec, value) })}
        {...(spec.lengthMax !== undefined && { maxLength: spec.lengthMax })}
        {...(spec.kind === 'variable' && { list: names })}
      />
      {spec.kind === 'variable' && (
        <datalist id={names}>
          {variables.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      )}
    </>
  );
}

function isCode(spec: FieldSpec): boolean {
  return spec.kind === 'expression' || spec.kind === 'json';
}

function lines(spec: FieldSpec, value: Json | undefined): number | undefined {
  if (spec.kind === 'texts') return 3;
  if ((spec.lengthMax ?? 0) > 50_000) return 5;
  return spec.kind === 'json' && typeof value === 'object' && value !== null ? 4 : undefined;
}

function placeholder(spec: FieldSpec): string | undefined {
  if (spec.default !== undefined) return printField(spec, spec.default);
  switch (spec.kind) {
    case 'duration': return '30s, 5m, 1h 30m';
    case 'date': return '2027-01-31';
    case 'texts': return 'One a line';
    default: return undefined;
  }
}
