import { ArrowDown, ArrowUp, Plus, X } from 'lucide-react';

import { addItem, moveItem, removeItem } from '../../collab/fields';
import { useSession } from '../../collab/use-flow-session';
import { isObject, itemFields, itemLabel } from '../../model/spec';
import { Button, IconButton } from '../../ui/button';
import { useEditable } from '../editable';
import type { FieldProps } from './field';
import { Fields } from './node-fields';

/** Items that people add, move and fill in, each on its own. */
export function ListField({ spec, value, at }: FieldProps) {
  const { flow } = useSession();
  const editable = useEditable();
  const items = Array.isArray(value) ? value.filter(isObject) : [];
  const label = itemLabel(spec);
  return (
    <fieldset className="space-y-2" title={spec.doc}>
      <legend className="mb-1 text-xs font-medium text-slate-700">
        {spec.label}
        {spec.required && <span className="text-slate-400"> *</span>}
      </legend>
      {items.map((item, index) => {
        const id = item.id as string;
        return (
          <section key={id} aria-label={`${label} ${index + 1}`} className="rounded-lg border border-slate-200 bg-slate-50/60">
            <header className="flex min-h-8 items-center pr-1 pl-3">
              <h3 className="flex-1 text-xs text-slate-500">{`${label} ${index + 1}`}</h3>
              {editable && (
                <>
                  <IconButton label={`Move ${label} ${index + 1} up`} disabled={index === 0} onClick={() => moveItem(flow, at, id, -1)}>
                    <ArrowUp size={14} aria-hidden />
                  </IconButton>
                  <IconButton label={`Move ${label} ${index + 1} down`} disabled={index === items.length - 1} onClick={() => moveItem(flow, at, id, 1)}>
                    <ArrowDown size={14} aria-hidden />
                  </IconButton>
                  <IconButton label={`Remove ${label} ${index + 1}`} onClick={() => removeItem(flow, at, id)}>
                    <X size={14} aria-hidden />
                  </IconButton>
                </>
              )}
            </header>
            <div className="space-y-3 px-3 pb-3">
              <Fields specs={itemFields(spec)} values={item} scope={{ node: at.node, path: [...at.path, id] }} />
            </div>
          </section>
        );
      })}
      {!editable && items.length === 0 && <p className="text-sm text-slate-400">None</p>}
      {editable && (
        <Button className="!h-8 w-full border-dashed" onClick={() => addItem(flow, at)}>
          <Plus size={14} aria-hidden /> {`Add ${label.toLowerCase()}`}
        </Button>
      )}
    </fieldset>
  );
}
