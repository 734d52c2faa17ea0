import { Plus, X } from 'lucide-react';

import { setExpression } from '../../collab/fields';
import { useSession } from '../../collab/use-flow-session';
import { isKey } from '../../model/ids';
import { isObject } from '../../model/spec';
import { Button, IconButton } from '../../ui/button';
import { useEditable } from '../editable';
import { DraftInput } from './draft-input';
import type { FieldProps } from './field';

/** Names, and the expressions whose values they get. */
export function ExpressionsField({ spec, value, at }: FieldProps) {
  const { flow } = useSession();
  const editable = useEditable();
  const entries = Object.entries(isObject(value) ? value : {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const rename = (from: string, expression: string) => (name: string) => {
    if (!isKey(name.trim())) return 'This cannot be a name.';
    if (name.trim() !== from && entries.some(([other]) => other === name.trim())) return 'This name is taken.';
    setExpression(flow, at, from, { name: name.trim(), value: expression });
  };
  return (
    <fieldset className="space-y-2" title={spec.doc}>
      <legend className="mb-1 text-xs font-medium text-slate-700">{spec.label}</legend>
      {entries.map(([name, entry]) => {
        const expression = typeof entry === 'string' ? entry : JSON.stringify(entry);
        return (
          <div key={name} className="flex items-start gap-1.5">
            <div className="w-2/5 min-w-0">
              <DraftInput aria-label="Name" value={name} disabled={!editable} onCommit={rename(name, expression)} />
            </div>
            <div className="min-w-0 flex-1">
              <DraftInput
                aria-label={`Expression of ${name}`}
                value={expression}
                disabled={!editable}
                className="font-mono !text-xs"
                onCommit={(text) => setExpression(flow, at, name, { name, value: text.trim() })}
              />
            </div>
            {editable && (
              <IconButton label={`Remove ${name}`} onClick={() => setExpression(flow, at, name, null)}>
                <X size={14} aria-hidden />
              </IconButton>
            )}
          </div>
        );
      })}
      {editable && (
        <Button className="!h-8 w-full border-dashed" onClick={() => setExpression(flow, at, '', { name: freeName(entries.map(([name]) => name)), value: '' })}>
          <Plus size={14} aria-hidden /> Add result
        </Button>
      )}
    </fieldset>
  );
}

function freeName(taken: readonly string[]): string {
  let number = taken.length + 1;
  while (taken.includes(`result_${number}`)) number += 1;
  return `result_${number}`;
}
