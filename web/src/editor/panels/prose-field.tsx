import { useEffect, useRef } from 'react';

import type { FieldPath } from '../../collab/fields';
import { bindProse } from '../../collab/prose';
import { useSession } from '../../collab/use-flow-session';
import { INPUT } from '../../ui/input';
import { useEditable } from '../editable';

/** Prose that several people type into at once: the box is bound to the shared text itself. */
export function ProseField({ id, at, lengthMax }: { id: string; at: FieldPath; lengthMax: number | undefined }) {
  const { flow } = useSession();
  const editable = useEditable();
  const box = useRef<HTMLTextAreaElement>(null);
  const path = at.path.join('/');
  useEffect(() => {
    if (!box.current) return;
    return bindProse(flow, { node: at.node, path: path.split('/') }, box.current);
  }, [flow, at.node, path]);
  return (
    <textarea
      id={id}
      ref={box}
      rows={3}
      maxLength={lengthMax}
      readOnly={!editable}
      className={`${INPUT} field-sizing-content max-h-60 resize-y read-only:bg-slate-50 read-only:text-slate-500`}
      onKeyDown={(event) => {
        // The browser's own history knows nothing of what others typed meanwhile.
        if (!(event.ctrlKey || event.metaKey)) return;
        const key = event.key.toLowerCase();
        if (key !== 'z' && key !== 'y') return;
        event.preventDefault();
        if (key === 'y' || event.shiftKey) flow.redo();
        else flow.undo();
      }}
    />
  );
}
