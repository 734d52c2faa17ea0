// What people are told about the connection, decided without any IO.

/** Why the server will not take part any more, or took an edit not. */
export type Refusal =
  | 'signed-out'
  | 'no-access'
  | 'no-such-flow'
  | 'other-history'
  | 'too-large'
  | 'malformed'
  | 'edit-refused';

/** One of these is shown at any moment. */
export type ConnectionState =
  /** The first connection is on its way; edits made meanwhile wait. */
  | { kind: 'connecting'; unsent: number }
  /** In touch. `saving` own edits are not yet acknowledged as durable; 0: all are. */
  | { kind: 'live'; saving: number }
  /** Out of touch, trying again. `unsent` own edits are on this device only. */
  | { kind: 'offline'; unsent: number }
  /** Final until somebody does something about it. */
  | { kind: 'refused'; reason: Refusal; unsent: number };

export interface Link {
  readonly phase: 'connecting' | 'live' | 'offline' | 'refused';
  readonly reason: Refusal | null;
  /** Own edits since the page was opened, and how many of them are acknowledged. */
  readonly made: number;
  readonly acknowledged: number;
  /** Unacknowledged edits found on this device: of an earlier page, or of a closed tab. */
  readonly found: number;
}

export type LinkEvent =
  | { type: 'edited' }
  | { type: 'found'; edits: number }
  /** Everything we have was handed to the server, everything it has was read. */
  | { type: 'synced' }
  | { type: 'lost' }
  | { type: 'refused'; reason: Refusal }
  /** Somebody did something about a refusal. */
  | { type: 'retried' }
  /** All edits up to the count `made` are durable, and all that were found. */
  | { type: 'acknowledged'; made: number };

export const NEW_LINK: Link = { phase: 'connecting', reason: null, made: 0, acknowledged: 0, found: 0 };

export function advance(link: Link, event: LinkEvent): Link {
  switch (event.type) {
    case 'edited':
      return { ...link, made: link.made + 1 };
    case 'found':
      return { ...link, found: event.edits };
    case 'synced':
      return link.phase === 'refused' ? link : { ...link, phase: 'live' };
    case 'lost':
      // A refusal says more than the closing of the socket that follows it.
      return link.phase === 'refused' ? link : { ...link, phase: 'offline' };
    case 'refused':
      return { ...link, phase: 'refused', reason: event.reason };
    case 'retried':
      return { ...link, phase: link.phase === 'refused' ? 'connecting' : link.phase, reason: null };
    case 'acknowledged':
      return { ...link, acknowledged: Math.max(link.acknowledged, event.made), found: 0 };
  }
}

export function unacknowledged(link: Link): number {
  return link.made - link.acknowledged + link.found;
}

export function toState(link: Link): ConnectionState {
  const unsent = unacknowledged(link);
  switch (link.phase) {
    case 'live':
      return { kind: 'live', saving: unsent };
    case 'refused':
      return { kind: 'refused', reason: link.reason ?? 'no-access', unsent };
    case 'connecting':
    case 'offline':
      return { kind: link.phase, unsent };
  }
}

/** What a final close code means; nothing for codes after which one tries again. */
export function refusalOf(closeCode: number): Refusal | null {
  switch (closeCode) {
    case 4401: return 'signed-out';
    case 4403: return 'no-access';
    case 4404: return 'no-such-flow';
    case 4409: return 'other-history';
    case 4413: return 'too-large';
    default: return closeCode >= 4400 && closeCode < 4500 ? 'malformed' : null;
  }
}
