import { askForm } from './ask.ts';
import { ChatConnection, type ChatState, type Kept } from './connection.ts';
import type { Send } from './file-form.ts';
import type { Answer, Ask, BotMessage, Button } from './protocol.ts';
import { element, renderBlock } from './render.ts';
import { NotSent, sendFile } from './sending.ts';
import { STYLES } from './styles.ts';

const STATES: Record<ChatState, string> = {
  connecting: 'Connecting …',
  live: '',
  offline: 'You are offline. The chat goes on when the connection is back.',
  ended: 'The conversation has ended.',
  refused: 'This chat is not open to you.',
};

/**
 * `<interflow-chat server="https://…" flow="…" token="…" mode="inline | bubble" preview>`: a chat
 * with a flow; `preview`: as it is now, for its editors. Themed by the custom properties `--interflow-accent`, `-accent-text`, `-background`,
 * `-text`, `-bubble` and `-font`.
 */
export class InterflowChat extends HTMLElement {
  private connection: ChatConnection | null = null;
  private ask: Ask | null = null;
  private readonly log = element('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': 'Conversation', tabindex: '0' });
  private readonly heading = element('h2', {}, [document.createTextNode('Chat')]);
  private readonly state = element('div', { class: 'state', role: 'status', hidden: '' });
  private readonly place = element('div', {});
  private readonly panel = element('section', { class: 'panel', 'aria-label': 'Chat' });
  private readonly launch = element('button', { type: 'button', class: 'launch', 'aria-label': 'Open the chat', 'aria-expanded': 'false' }, [
    bubble(),
  ]);
  private typing: HTMLElement | null = null;
  /** Ends what the form that is shown sends. */
  private shown = new AbortController();

  connectedCallback(): void {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    root.adoptedStyleSheets = [sheet];
    const restart = element('button', { type: 'button' }, [document.createTextNode('Start over')]);
    restart.addEventListener('click', () => this.restart());
    this.panel.append(element('header', {}, [this.heading, restart]), this.state, this.log, this.place);
    root.append(this.panel, this.launch);
    if (this.getAttribute('mode') !== 'bubble') return this.open();
    this.panel.hidden = true;
    this.launch.addEventListener('click', () => this.toggle());
    this.panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.toggle();
    });
  }

  disconnectedCallback(): void {
    removeEventListener('pagehide', this.leave);
    this.leave();
  }

  private readonly leave = (): void => {
    this.shown.abort();
    this.connection?.close();
    this.connection = null;
  };

  private toggle(): void {
    this.panel.hidden = !this.panel.hidden;
    this.launch.setAttribute('aria-expanded', String(!this.panel.hidden));
    this.launch.setAttribute('aria-label', this.panel.hidden ? 'Open the chat' : 'Close the chat');
    if (this.panel.hidden) return this.launch.focus();
    if (!this.connection) this.open();
    this.focusField();
  }

  private open(): void {
    const flow = this.getAttribute('flow');
    if (!flow) return;
    const url = new URL(`/chat/${flow}`, this.server());
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    if (this.hasAttribute('preview')) addEventListener('pagehide', this.leave);
    this.connection = new ChatConnection({
      url: url.href,
      token: () => this.getAttribute('token'),
      preview: this.hasAttribute('preview'),
      // What is tried is begun anew: the flow may be another by then.
      kept: this.hasAttribute('preview') ? NOT_KEPT : kept(`interflow.chat:${url.host}:${flow}`),
      listener: {
        state: (state, reason) => this.showState(state, reason),
        connected: (name) => (this.heading.textContent = name),
        message: (message) => this.say(message),
        typing: (ms) => this.showTyping(ms),
        asks: (ask) => this.show(ask),
        problem: (message) => this.add('bot', [document.createTextNode(message)]),
      },
    });
  }

  private server(): URL {
    return new URL(this.getAttribute('server') ?? location.origin, location.href);
  }

  private async send(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<string> {
    const place = this.connection?.place();
    if (!place) throw new NotSent('offline', 'There is no conversation yet.');
    return sendFile({ ...place, server: this.server().origin, token: this.getAttribute('token') }, file, progress, signal);
  }

  private restart(): void {
    this.log.replaceChildren();
    this.show(null);
    this.connection?.reset();
  }

  private showState(state: ChatState, reason: string | null): void {
    const detail = state === 'refused' || (state === 'ended' && reason !== 'completed') ? reason : null;
    this.state.textContent = STATES[state] + (detail ? ` (${detail})` : '');
    this.state.hidden = this.state.textContent === '';
    this.setAttribute('data-state', state);
    if (state === 'refused') this.show(null);
  }

  private say(message: BotMessage): void {
    this.typing?.remove();
    this.add('bot', [renderBlock(message.block, (button) => this.press(button))]);
  }

  private press(button: Button): void {
    if (this.ask) this.answer({ text: button.value ?? button.label }, button.label);
  }

  private showTyping(ms: number): void {
    this.typing?.remove();
    const typing = element('div', { class: 'typing', 'aria-hidden': 'true' }, [document.createTextNode('…')]);
    this.typing = typing;
    this.log.append(typing);
    this.log.scrollTop = this.log.scrollHeight;
    setTimeout(() => typing.remove(), ms + 1_000);
  }

  private show(ask: Ask | null): void {
    // Asked again after a reconnection: what is being typed stays.
    if (ask && this.ask?.visit === ask.visit && this.place.firstChild && ask.kind === this.ask.kind) {
      this.ask = ask;
      return;
    }
    this.ask = ask;
    // What had the focus goes: who is here stays in the chat.
    if (this.place.contains(this.shadowRoot?.activeElement ?? null)) this.log.focus({ preventScroll: true });
    this.shown.abort();
    this.shown = new AbortController();
    this.place.replaceChildren(...(ask ? [this.form(ask, this.shown.signal)] : []));
    // The form takes room from what was said.
    this.log.scrollTop = this.log.scrollHeight;
    if (ask) this.focusField();
  }

  private form(ask: Ask, signal: AbortSignal): HTMLFormElement {
    const send: Send = (file, progress, stop) => this.send(file, progress, stop);
    return askForm(ask, send, signal, (answer, shown) => this.answer(answer, shown));
  }

  private answer(answer: Answer, shown: string): void {
    const { ask } = this;
    if (!ask) return;
    this.ask = null;
    this.add('own', [document.createTextNode(shown)]);
    this.connection?.answer(answer, ask.visit);
  }

  private add(whose: 'bot' | 'own', children: Node[]): void {
    this.log.append(element('div', { class: whose }, children));
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** Not on a page that somebody else is busy on, unless they are here. */
  private focusField(): void {
    const isHere = this.getAttribute('mode') === 'bubble' || this.shadowRoot?.activeElement || document.activeElement === document.body;
    if (isHere) this.place.querySelector<HTMLElement>('input, textarea, button')?.focus({ preventScroll: true });
  }
}

/** Drawn: not every device has a picture for the sign. */
function bubble(): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const attributes = { viewBox: '0 0 24 24', width: '28', height: '28', fill: 'currentColor', 'aria-hidden': 'true' };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', 'M12 3c-5.2 0-9.5 3.4-9.5 7.6 0 2.4 1.4 4.6 3.6 6L5 21l4.6-2.9c.8.1 1.6.2 2.4.2 5.2 0 9.5-3.4 9.5-7.7S17.2 3 12 3z');
  svg.append(path);
  return svg;
}

const NOT_KEPT: Kept = { load: () => null, save: () => {}, clear: () => {} };

/** In this tab: a chat is not another tab's, and not whose who comes after. */
function kept(key: string): Kept {
  return {
    load() {
      try {
        const text = sessionStorage.getItem(key);
        return text ? (JSON.parse(text) as { token: string; messages: BotMessage[] }) : null;
      } catch {
        // What cannot be read is begun anew.
        return null;
      }
    },
    save(token, messages) {
      try {
        sessionStorage.setItem(key, JSON.stringify({ token, messages: messages.slice(-200) }));
      } catch {
        // Without storage a reload begins anew.
      }
    },
    clear() {
      sessionStorage.removeItem(key);
    },
  };
}

export function defineChat(): void {
  if (!customElements.get('interflow-chat')) customElements.define('interflow-chat', InterflowChat);
}
