import { ApiError } from '../api/http';
import { lookAtLink } from '../api/links';
import { account, currentToken, type TokenAnswer } from './session';
import type { Visitor } from './visitor';

/** Where an open flow's connection gets its tokens from. */
export interface Tokens {
  /** A token that is good now; `renew` if the last one was refused. */
  current: (renew: boolean) => Promise<TokenAnswer>;
  /** Tells of tokens that come unasked; answers how to stop that. */
  watch: (onToken: (token: string) => void) => () => void;
}

const RETRY_MS = 3_000;

export function tokensOf(visitor: Visitor): Tokens {
  return visitor.kind === 'guest' ? linkTokens(visitor.link) : ACCOUNT;
}

const ACCOUNT: Tokens = {
  current: currentToken,
  watch: (onToken) =>
    account.subscribe((now) => {
      if (now.kind === 'signed-in' && now.token !== null) onToken(now.token);
    }),
};

/** A share link is its own token, until it is revoked or has expired. */
export function linkTokens(link: string): Tokens {
  let listener: ((token: string) => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    async current(renew) {
      if (!renew) return { token: link };
      try {
        await lookAtLink(link);
        return { token: link };
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return 'signed-out';
        // Nobody could say. The connection waits to be told that it may try again.
        clearTimeout(timer);
        timer = setTimeout(() => listener?.(link), RETRY_MS);
        return 'unreachable';
      }
    },
    watch(onToken) {
      listener = onToken;
      return () => {
        listener = null;
        clearTimeout(timer);
      };
    },
  };
}
