/** What the server says; see docs/chat.md. */
export type ServerMessage =
  | { type: 'chat:connected'; sessionId: string; resumeToken: string; flow: { id: string; name: string } }
  | { type: 'chat:typing'; ms: number }
  | { type: 'chat:bot_message'; message: BotMessage }
  | ({ type: 'chat:input' } & Ask)
  | { type: 'chat:error'; code: string; message: string; asks?: Ask | null }
  | { type: 'chat:ended'; reason: string; output?: unknown; error?: string | null };

export interface BotMessage {
  /** Counts the messages of a run, from 1. */
  id: number;
  block: Block;
  text: string;
}

/** A node of a text: its kind, children, and what the kind has. There is no HTML in it. */
export interface TextNode {
  t: string;
  c?: TextNode[];
  text?: string;
  href?: string;
  src?: string;
  alt?: string;
  level?: number;
  start?: number;
}

export interface Button {
  kind: 'reply' | 'url';
  label: string;
  value?: string;
  url?: string;
}

export interface Card {
  title: string;
  subtitle?: TextNode[] | null;
  image?: string | null;
  buttons?: Button[];
}

export type Block =
  | { kind: 'text'; content: TextNode[] }
  | { kind: 'image' | 'video' | 'audio'; url: string; alt?: string | null }
  | { kind: 'file'; url: string; name?: string | null }
  | ({ kind: 'card' } & Card)
  | { kind: 'carousel'; cards: Card[] };

export interface Ask {
  visit: number;
  kind: string;
  placeholder?: string;
  options?: { id: string; label: string }[];
  multiple?: boolean;
  multiline?: boolean;
  min?: number | string;
  max?: number | string;
  step?: number;
  integer?: boolean;
  withTime?: boolean;
  /** Of files: media types. */
  types?: string[];
  bytesMax?: number;
  filesMax?: number;
  yes?: string;
  no?: string;
}

/** `files`: ids of what was sent to the run. */
export type Answer = { text: string } | { value: unknown } | { choice: string[] } | { files: string[] };
