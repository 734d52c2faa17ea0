import type { Answer, Ask, BotMessage, ServerMessage } from './protocol.ts';

/** Where a chat is. */
export type ChatState = 'connecting' | 'live' | 'offline' | 'ended' | 'refused';

export interface Listener {
  state(state: ChatState, reason: string | null): void;
  connected(name: string): void;
  message(message: BotMessage): void;
  typing(ms: number): void;
  asks(ask: Ask | null): void;
  problem(message: string): void;
}

/** What is kept of a chat in this tab, so that a reload goes on with it. */
export interface Kept {
  load(): { token: string; messages: BotMessage[] } | null;
  save(token: string, messages: BotMessage[]): void;
  clear(): void;
}

export interface ChatOptions {
  /** `ws://…/chat/{flow}`. */
  url: string;
  /** A share link's token, or a sign-in's, which may be another each time it is asked for. */
  token: () => string | null;
  preview?: boolean;
  kept: Kept;
  listener: Listener;
  open?: (url: string, protocols: string[]) => WebSocket;
  wait?: (ms: number) => Promise<void>;
}

/** Close codes from here to there are for good. */
const FINAL = { from: 4400, to: 4499 };
const PAUSES = [300, 1_000, 3_000, 10_000];

/**
 * A chat over a WebSocket that comes back: behind the last message that it has, with the answer
 * that was on its way. Nothing is there twice.
 */
export class ChatConnection {
  private socket: WebSocket | null = null;
  private resume: string | null = null;
  /** The run of `resume`, once the server has said it. */
  private run: string | null = null;
  private messages: BotMessage[] = [];
  /** An answer of which it is not known whether it was taken. */
  private pending: Record<string, unknown> | null = null;
  /** What was asked last: again, where the answer to it is refused. */
  private asked: Ask | null = null;
  /** To be begun anew: until it is, what is heard is of the run before. */
  private resetting = false;
  private live = false;
  private failures = 0;
  private closed = false;

  constructor(private readonly options: ChatOptions) {
    const kept = options.kept.load();
    if (kept) {
      this.resume = kept.token;
      this.messages = kept.messages;
      kept.messages.forEach((message) => options.listener.message(message));
    }
    this.connect();
  }

  answer(answer: Answer, visit: number): void {
    this.pending = { type: 'chat:message', ...answer, visit, idempotencyKey: crypto.randomUUID() };
    this.options.listener.asks(null);
    this.send(this.pending);
  }

  /** What files are sent to, and with which word; `null` before there is a chat. */
  place(): { run: string; resume: string } | null {
    return this.run !== null && this.resume !== null ? { run: this.run, resume: this.resume } : null;
  }

  reset(): void {
    this.pending = null;
    this.messages = [];
    this.options.kept.clear();
    if (this.resume === null) return;
    this.resetting = true;
    if (this.live) this.send({ type: 'chat:reset' });
  }

  close(): void {
    this.closed = true;
    // Nobody comes back to what was only tried.
    if (this.options.preview) this.send({ type: 'chat:disconnect' });
    this.socket?.close();
  }

  private connect(): void {
    const { url, listener } = this.options;
    const token = this.options.token();
    const protocols = token === null ? ['interflow'] : ['interflow', `interflow.token.${token}`];
    const socket = (this.options.open ?? ((to, list) => new WebSocket(to, list)))(url, protocols);
    this.socket = socket;
    listener.state('connecting', null);
    socket.onopen = () => {
      const after = this.messages.at(-1)?.id ?? 0;
      const start = this.resume === null ? { preview: this.options.preview ?? false } : { resume: this.resume, after };
      this.send({ type: 'chat:start', ...start });
    };
    socket.onmessage = (event) => this.hear(JSON.parse(String(event.data)) as ServerMessage);
    socket.onclose = (event) => this.lost(event.code, event.reason);
  }

  private send(message: Record<string, unknown>): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  private hear(said: ServerMessage): void {
    const { listener, kept } = this.options;
    if (this.resetting && !['chat:connected', 'chat:error'].includes(said.type)) return;
    switch (said.type) {
      case 'chat:connected':
        this.failures = 0;
        this.live = true;
        if (this.resetting && this.resume === said.resumeToken) {
          this.send({ type: 'chat:reset' });
          break;
        }
        this.resetting = false;
        if (this.resume !== said.resumeToken) this.messages = [];
        this.resume = said.resumeToken;
        this.run = said.sessionId;
        kept.save(said.resumeToken, this.messages);
        listener.connected(said.flow.name);
        listener.state('live', null);
        if (this.pending) this.send(this.pending);
        break;
      case 'chat:typing':
        listener.typing(said.ms);
        break;
      case 'chat:bot_message':
        // One that was sent again is there already.
        if (said.message.id <= (this.messages.at(-1)?.id ?? 0)) break;
        this.messages.push(said.message);
        if (this.resume !== null) kept.save(this.resume, this.messages);
        listener.message(said.message);
        break;
      case 'chat:input':
        if (this.pending && this.pending.visit !== said.visit) this.pending = null;
        this.asked = said;
        listener.asks(said);
        break;
      case 'chat:error': {
        const answered = this.pending !== null;
        this.pending = null;
        this.resetting = false;
        if (said.code === 'not_waiting') listener.asks(said.asks ?? null);
        else this.failed(said.code, said.message);
        if (said.code !== 'not_waiting' && answered && this.live) listener.asks(this.asked);
        break;
      }
      case 'chat:ended':
        this.pending = null;
        this.asked = null;
        listener.asks(null);
        listener.state('ended', said.reason === 'failed' ? (said.error ?? said.reason) : said.reason);
        break;
    }
  }

  /** A chat that is gone, or was made up, is begun anew; everything else is told. */
  private failed(code: string, message: string): void {
    const unknown = !this.live && this.resume !== null && ['not_found', 'invalid'].includes(code);
    if (!unknown) return this.options.listener.problem(message);
    this.resume = null;
    this.messages = [];
    this.options.kept.clear();
    this.send({ type: 'chat:start', preview: this.options.preview ?? false });
  }

  private lost(code: number, reason: string): void {
    this.live = false;
    if (this.closed) return;
    const { listener } = this.options;
    if (code >= FINAL.from && code <= FINAL.to && code !== 4508) {
      listener.state('refused', reason);
      return;
    }
    listener.state('offline', null);
    const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)]!;
    this.failures += 1;
    const wait = this.options.wait ?? ((ms: number) => new Promise<void>((done) => setTimeout(done, ms)));
    void wait(pause).then(() => {
      if (!this.closed) this.connect();
    });
  }
}
