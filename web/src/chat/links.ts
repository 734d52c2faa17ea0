const KEPT = 'interflow.chat-link:';

/** The flow whose chat this is the path of. */
export function chatFlowOf(path: string): string | null {
  return /^\/c\/([^/]+)\/?$/.exec(path)?.[1] ?? null;
}

export function chatUrl(origin: string, flow: string, token: string): string {
  return `${origin}/c/${flow}#link=${token}`;
}

/** Takes a run link out of the address, where it would be seen and kept. Called once. */
export function takeChatLink(): void {
  const flow = chatFlowOf(location.pathname);
  const token = /^#link=(ifl_[\w-]+)$/.exec(location.hash)?.[1];
  if (!flow || !token) return;
  sessionStorage.setItem(KEPT + flow, token);
  history.replaceState(history.state, '', location.pathname + location.search);
}

export function chatTokenOf(flow: string): string | null {
  return sessionStorage.getItem(KEPT + flow);
}
