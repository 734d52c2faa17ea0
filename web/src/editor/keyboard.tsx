import { useEffect } from 'react';

import { useSession } from '../collab/use-flow-session';
import { select, useCanvasStore } from './canvas/canvas-store';
import { useEditable } from './editable';
import { useRemoveSelected } from './use-remove';

/** The keys of the editor. In a text box and in a dialog keys mean what they mean there. */
export function Keyboard() {
  const { flow } = useSession();
  const store = useCanvasStore();
  const editable = useEditable();
  const removeSelected = useRemoveSelected();
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isElsewhere(event.target)) return;
      const command = event.ctrlKey || event.metaKey;
      const key = event.key.toLowerCase();
      if (key === 'escape') return select(store, []);
      if (!editable) return;
      if (key === 'delete' || key === 'backspace') removeSelected();
      else if (command && key === 'z' && !event.shiftKey) flow.undo();
      else if (command && (key === 'y' || (key === 'z' && event.shiftKey))) flow.redo();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [flow, store, editable, removeSelected]);
  return null;
}

function isElsewhere(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"]') !== null;
}
