import { useEffect, useRef } from 'react';

import { defineChat } from './element.ts';
import { chatTokenOf } from './links.ts';

defineChat();

/** `/c/{flow}`: a chat with an active flow, and nothing else on the page. */
export default function ChatPage({ flowId, signIn }: { flowId: string; signIn: string | null }) {
  const place = useRef<HTMLElement>(null);
  const token = chatTokenOf(flowId) ?? signIn;
  useEffect(() => {
    const chat = document.createElement('interflow-chat');
    chat.setAttribute('flow', flowId);
    chat.setAttribute('mode', 'inline');
    if (token) chat.setAttribute('token', token);
    chat.style.height = '100%';
    place.current?.append(chat);
    return () => chat.remove();
  }, [flowId, token]);
  return <main ref={place} className="mx-auto h-dvh max-w-2xl" />;
}
