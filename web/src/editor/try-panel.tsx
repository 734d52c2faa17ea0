import { Play, X } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useStore } from 'zustand';

import { account } from '../account/session';
import { defineChat } from '../chat/element';
import { IconButton } from '../ui/button';

defineChat();

/** A chat with the flow as it is now; everybody who has it open sees where it stands. */
export default function TryPanel({ flowId, onClose }: { flowId: string; onClose: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  const token = useStore(account, (now) => (now.kind === 'signed-in' ? now.token : null));
  const chat = useRef<HTMLElement | null>(null);
  useEffect(() => {
    if (token === null) return;
    // A chat asks for its token whenever it connects.
    chat.current?.setAttribute('token', token);
    if (chat.current || !place.current) return;
    const made = document.createElement('interflow-chat');
    const attributes = { flow: flowId, mode: 'inline', preview: '', token };
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.style.height = '100%';
    place.current.append(made);
    chat.current = made;
  }, [flowId, token]);
  useEffect(
    () => () => {
      chat.current?.remove();
      chat.current = null;
    },
    [],
  );
  return (
    <section aria-label="Try the flow" className="absolute right-4 bottom-4 z-10 flex h-[28rem] max-h-[calc(100%-2rem)] w-80 flex-col overflow-hidden rounded-xl border border-slate-300 bg-white shadow-xl">
      <header className="flex h-10 shrink-0 items-center gap-2 border-b border-slate-200 pr-1 pl-3 text-sm font-semibold text-slate-900">
        <Play size={14} aria-hidden />
        <span className="flex-1">Try it as it is now</span>
        <IconButton label="Stop trying" onClick={onClose}>
          <X size={16} aria-hidden />
        </IconButton>
      </header>
      <div ref={place} className="min-h-0 flex-1" />
    </section>
  );
}
