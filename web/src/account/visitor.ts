import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { createContext, useContext } from 'react';
import { createStore } from 'zustand/vanilla';

import type { User } from '../api/types';

/** In whose name a flow is open. */
export type Visitor =
  | { kind: 'account'; id: string; name: string }
  /** With a share link. `id` is of no account; `signIn` is null for those who are signed in. */
  | { kind: 'guest'; id: string; name: string; link: string; signIn: (() => void) | null };

export function accountVisitor({ id, name }: Pick<User, 'id' | 'name'>): Visitor {
  return { kind: 'account', id, name };
}

/**
 * A guest's copies on this device are apart from every account's, and those of one link from
 * another's. The id is drawn from the link and does not give it away.
 */
export function guestId(link: string): string {
  return `guest-${bytesToHex(sha256(utf8ToBytes(link))).slice(0, 32)}`;
}

const NAME_KEY = 'interflow.guest-name';
/** As long as the server takes a name. */
export const GUEST_NAME_MAX = 80;

/** How a guest without an account wants to be called; empty before they have said so. */
export const guestName = createStore<string>(() => localStorage.getItem(NAME_KEY) ?? '');

export function callGuest(name: string): void {
  localStorage.setItem(NAME_KEY, name.trim());
  guestName.setState(name.trim(), true);
}

export const VisitorContext = createContext<Visitor | null>(null);

/** In whose name the flow is open. Only inside a flow's page. */
export function useVisitor(): Visitor {
  const visitor = useContext(VisitorContext);
  if (!visitor) throw new Error('this is shown on a flow’s page only');
  return visitor;
}
