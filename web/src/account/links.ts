import { createStore } from 'zustand/vanilla';

/**
 * The share links this tab was opened with, by flow. A link comes behind the `#`, which no
 * browser sends; from there it goes into the tab's own storage, and out of the address,
 * which is kept in histories and shown on screens.
 */
export const links = createStore<Readonly<Record<string, string>>>(() => ({}));

const KEPT = 'interflow.link:';

/** Takes the link out of the address. Called once, when the page loads. */
export function takeLinks(): void {
  const kept = Object.entries(sessionStorage).filter(([key]) => key.startsWith(KEPT));
  links.setState(Object.fromEntries(kept.map(([key, link]) => [key.slice(KEPT.length), link as string])));
  takeLink();
  // Another link that is pasted over this page's address loads nothing anew.
  window.addEventListener('hashchange', takeLink);
}

function takeLink(): void {
  const flow = flowOf(location.pathname);
  const link = linkIn(location.hash);
  if (flow === null || link === null) return;
  sessionStorage.setItem(KEPT + flow, link);
  history.replaceState(history.state, '', location.pathname + location.search);
  links.setState({ [flow]: link });
}

/** The flow whose page this is the path of. */
export function flowOf(path: string): string | null {
  return /^\/flows\/([^/]+)\/?$/.exec(path)?.[1] ?? null;
}

/** The share link's token in what follows the address of a flow. */
export function linkIn(hash: string): string | null {
  return /^#link=(ifl_[\w-]+)$/.exec(hash)?.[1] ?? null;
}

export function linkUrl(origin: string, flow: string, token: string): string {
  return `${origin}/flows/${flow}#link=${token}`;
}

/** The invitation's token in what follows `/join`. */
export function invitationIn(hash: string): string | null {
  return /^#(ifi_[\w-]+)$/.exec(hash)?.[1] ?? null;
}

export function invitationUrl(origin: string, token: string): string {
  return `${origin}/join#${token}`;
}
