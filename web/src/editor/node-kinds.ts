// How node types look, and what a new node starts with.
import {
  CircleStop, Clock, CornerUpRight, Frame, GitBranch, Globe, HelpCircle, MessageSquare, PencilLine, Play, StickyNote, TextCursorInput,
  type LucideIcon,
} from 'lucide-react';

import type { NodeType } from '../model/fields.generated';
import type { JsonObject } from '../model/spec';

export interface Kind {
  icon: LucideIcon;
  color: string;
}

const KINDS: Record<NodeType, Kind> = {
  start: { icon: Play, color: '#15803d' },
  message: { icon: MessageSquare, color: '#4f46e5' },
  input: { icon: TextCursorInput, color: '#0369a1' },
  condition: { icon: GitBranch, color: '#b45309' },
  set: { icon: PencilLine, color: '#7e22ce' },
  api: { icon: Globe, color: '#0f766e' },
  delay: { icon: Clock, color: '#64748b' },
  jump: { icon: CornerUpRight, color: '#be185d' },
  end: { icon: CircleStop, color: '#b91c1c' },
  note: { icon: StickyNote, color: '#a16207' },
  group: { icon: Frame, color: '#475569' },
};

export function kindOf(type: string): Kind {
  return Object.hasOwn(KINDS, type) ? KINDS[type as NodeType] : { icon: HelpCircle, color: '#64748b' };
}

/** A new message has something to type into, a new condition a way to go. */
export function starterData(type: string): JsonObject {
  if (type === 'message') return { blocks: [{ kind: 'text' }] };
  if (type === 'condition') return { branches: [{ kind: 'rules' }] };
  return {};
}

/** The colours of notes and groups: paper, then rim. */
const PAPERS: Record<string, [string, string]> = {
  yellow: ['#fef9c3', '#facc15'],
  blue: ['#dbeafe', '#93c5fd'],
  green: ['#dcfce7', '#86efac'],
  red: ['#fee2e2', '#fca5a5'],
  purple: ['#f3e8ff', '#d8b4fe'],
  grey: ['#f1f5f9', '#cbd5e1'],
};

export function paperOf(colour: unknown, otherwise: 'yellow' | 'grey'): [string, string] {
  return (typeof colour === 'string' && Object.hasOwn(PAPERS, colour) && PAPERS[colour]) || PAPERS[otherwise]!;
}
