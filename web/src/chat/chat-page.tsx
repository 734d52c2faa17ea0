import { useEffect, useRef } from 'react';

import { defineChat } from './element.ts';
import { chatTokenOf } from './links.ts';

defineChat();

/** `/c/{flow}`: a chat with an active flow, and nothing else on the page. */
export default function ChatPage({ flowId, signIn }: { flowId: string; signIn: string | null }) {
  const place = useRef<HTMLElement>(null);
  const chat = useRef<HTMLElement | null>(null);
  const token = chatTokenOf(flowId) ?? signIn;
  useEffect(() => {
    // A chat asks for its token whenever it connects.
    if (token) chat.current?.setAttribute('token', token);
    if (chat.current || !place.current) return;
    const made = document.createElement('interflow-chat');
    made.setAttribute('flow', flowId);
    made.setAttribute('mode', 'inline');
    if (token) made.setAttribute('token', token);
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
  return <main ref={place} className="mx-auto h-dvh max-w-2xl" />;
}
