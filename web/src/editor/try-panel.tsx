import { Play, X } from 'lucide-react';
import { useStore } from 'zustand';

import { account } from '../account/session';
import { useChat } from '../chat/use-chat';
import { IconButton } from '../ui/button';

/** A chat with the flow as it is now; everybody who has it open sees where it stands. */
export default function TryPanel({ flowId, onClose }: { flowId: string; onClose: () => void }) {
  const token = useStore(account, (now) => (now.kind === 'signed-in' ? now.token : null));
  const place = useChat<HTMLDivElement>(flowId, { token, needsToken: true, preview: true });
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
