import { chatTokenOf } from './links.ts';
import { useChat } from './use-chat.ts';

/** `/c/{flow}`: a chat with an active flow, by its id or its slug, and nothing else on the page. */
export default function ChatPage({ flowId, signIn }: { flowId: string; signIn: string | null }) {
  const place = useChat<HTMLElement>(flowId, { token: chatTokenOf(flowId) ?? signIn });
  return <main ref={place} className="mx-auto h-dvh max-w-2xl" />;
}
