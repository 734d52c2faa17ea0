import { createStore } from 'zustand/vanilla';

import { answer, client, send } from '../api/client';
import { ApiError, Unreachable } from '../api/http';
import type { SignedIn, User } from '../api/types';

/** Who is signed in here. */
export type Account =
  /** Just loaded: the server has not said yet. */
  | { kind: 'unknown' }
  | { kind: 'signed-out' }
  /** `token` is null while the server cannot be asked for one; what is kept here still opens. */
  | { kind: 'signed-in'; user: User; token: string | null };

/** The access token stays in memory; who it is for is kept, so that flows open offline. */
const USER_KEY = 'interflow.user';
/** Refresh so long before the token ends. */
const MARGIN_S = 60;
const RETRY_MS = 3_000;

/** Requests in nobody's name. */
const open = client(send);
/** Requests in the name of whoever is signed in. */
export const api = client(signedIn);

export const account = createStore<Account>(() => ({ kind: 'unknown' }));

/** A token that was good a moment ago, or why there is none. */
export type TokenAnswer = { token: string } | 'signed-out' | 'unreachable';

let timer: ReturnType<typeof setTimeout> | undefined;
let refreshing: Promise<TokenAnswer> | null = null;

/** Finds out who is signed in. Called once, when the page loads. */
export async function start(): Promise<void> {
  window.addEventListener('storage', (event) => event.key === USER_KEY && onOtherTab(event.newValue));
  window.addEventListener('online', () => void (needsToken() && refresh()));
  const user = keptUser();
  if (!user) return set({ kind: 'signed-out' });
  if ((await refresh()) === 'unreachable') set({ kind: 'signed-in', user, token: null });
}

export async function signIn(credentials: { email: string; password: string }): Promise<void> {
  accept(await answer(open.POST('/api/auth/login', { body: credentials })));
}

export async function register(person: { email: string; password: string; name: string }): Promise<void> {
  accept(await answer(open.POST('/api/auth/register', { body: person })));
}

export async function signOut(): Promise<void> {
  await api.POST('/api/auth/logout');
  forget();
}

/** The account has changed; other tabs follow when they load anew. */
export function changed(user: User): void {
  const now = account.getState();
  if (now.kind !== 'signed-in' || now.user.id !== user.id) return;
  localStorage.setItem(USER_KEY, JSON.stringify(user));
  set({ ...now, user });
}

/** Sends a request with the access token; an old one is renewed once. */
async function signedIn(request: Request): Promise<Response> {
  const again = request.clone();
  const now = await currentToken(false);
  if (now === 'unreachable') throw new Unreachable();
  try {
    return await send(withToken(request, now));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    const renewed = await currentToken(true);
    if (renewed === 'unreachable') throw new Unreachable(error);
    if (renewed === 'signed-out') throw error;
    return send(withToken(again, renewed));
  }
}

/** Without a token the server says itself that one must sign in. */
function withToken(request: Request, now: TokenAnswer): Request {
  if (typeof now === 'object') request.headers.set('authorization', `Bearer ${now.token}`);
  return request;
}

/** The access token; `renew` if the one we have was refused. */
export async function currentToken(renew: boolean): Promise<TokenAnswer> {
  const now = account.getState();
  if (now.kind === 'signed-out') return 'signed-out';
  if (now.kind === 'signed-in' && now.token !== null && !renew) return { token: now.token };
  return refresh();
}

function refresh(): Promise<TokenAnswer> {
  refreshing ??= exchange().finally(() => (refreshing = null));
  return refreshing;
}

/** Exchanges the refresh cookie for a new token. */
async function exchange(): Promise<TokenAnswer> {
  try {
    // The cookie changes with each exchange: tabs take turns.
    const signedIn = await inTurn(() => answer(open.POST('/api/auth/refresh')));
    accept(signedIn);
    return { token: signedIn.token };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      forget();
      return 'signed-out';
    }
    later(RETRY_MS);
    return 'unreachable';
  }
}

/** Where the browser has no locks (plain HTTP), the server's own grace must do. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request('interflow.refresh', work) : work();
}

function accept({ token, expiresIn, user }: SignedIn): void {
  localStorage.setItem(USER_KEY, JSON.stringify(user));
  later((expiresIn - MARGIN_S) * 1_000);
  set({ kind: 'signed-in', user, token });
}

function forget(): void {
  clearTimeout(timer);
  localStorage.removeItem(USER_KEY);
  set({ kind: 'signed-out' });
}

function later(delayMs: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void refresh(), Math.max(delayMs, 1_000));
}

/** Another tab signed out, or signed in as somebody: this one follows. */
function onOtherTab(kept: string | null): void {
  const now = account.getState();
  const user = parseUser(kept);
  if (!user) return forget();
  if (now.kind !== 'signed-in' || now.user.id !== user.id) location.reload();
}

function keptUser(): User | null {
  return parseUser(localStorage.getItem(USER_KEY));
}

function parseUser(text: string | null): User | null {
  try {
    const user = JSON.parse(text ?? 'null') as User | null;
    return typeof user?.id === 'string' && typeof user.name === 'string' ? user : null;
  } catch {
    return null; // Somebody else wrote there; it is as good as nothing.
  }
}

function needsToken(): boolean {
  const now = account.getState();
  return now.kind === 'signed-in' && now.token === null;
}

function set(next: Account): void {
  account.setState(next, true);
}
