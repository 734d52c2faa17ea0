import { useEffect, useRef, type RefObject } from 'react';

import { defineChat } from './element.ts';

defineChat();

interface Options {
  /** Of whoever talks; while there is none, and one is needed, there is no chat. */
  token: string | null;
  needsToken?: boolean;
  /** The flow as it is now. */
  preview?: boolean;
}

/** Puts a chat with the flow into the element that takes the reference, and keeps it as long as that is there. */
export function useChat<Place extends HTMLElement>(flow: string, { token, needsToken = false, preview = false }: Options): RefObject<Place | null> {
  const place = useRef<Place>(null);
  const chat = useRef<HTMLElement | null>(null);
  useEffect(() => {
    if (token === null && needsToken) return;
    // A chat asks for its token whenever it connects.
    if (token !== null) chat.current?.setAttribute('token', token);
    if (chat.current || !place.current) return;
    const made = document.createElement('interflow-chat');
    const attributes = { flow, mode: 'inline', ...(preview && { preview: '' }), ...(token !== null && { token }) };
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.style.height = '100%';
    place.current.append(made);
    chat.current = made;
  }, [flow, token, needsToken, preview]);
  useEffect(
    () => () => {
      chat.current?.remove();
      chat.current = null;
    },
    [],
  );
  return place;
}
