/**
 * `<script src="https://…/widget.js" data-flow="…" data-token="…" data-mode="bubble"></script>`:
 * a chat in any page. Without `data-flow` it only defines `<interflow-chat>`.
 */
import { defineChat } from './element.ts';

const script = document.currentScript as HTMLScriptElement | null;

defineChat();
const flow = script?.dataset.flow;
if (script && flow) {
  const chat = document.createElement('interflow-chat');
  chat.setAttribute('server', new URL(script.src).origin);
  chat.setAttribute('flow', flow);
  chat.setAttribute('mode', script.dataset.mode ?? 'bubble');
  if (script.dataset.token) chat.setAttribute('token', script.dataset.token);
  if (script.dataset.mode === 'inline') script.after(chat);
  else document.body.append(chat);
}
