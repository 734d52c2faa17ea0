import type { Refusal } from '../collab/connection-state';

interface RefusalText {
  /** For the state line. */
  short: string;
  title: string;
  text: string;
  /** Whether giving up the copy on this device is a way on. */
  discard: boolean;
}

const LINK_ENDED: RefusalText = {
  short: 'Link ended',
  title: 'This link does not open the flow any more',
  text: 'It was revoked or has expired. What you see is the copy on this device; it is not kept up to date.',
  discard: false,
};

/** What to tell somebody about a refusal. A guest was never signed in, nor removed. */
export function refusalText(reason: Refusal, isGuest: boolean): RefusalText {
  return isGuest && (reason === 'signed-out' || reason === 'no-access') ? LINK_ENDED : REFUSALS[reason];
}

/** What to tell people about each way in which the server refuses. */
const REFUSALS: Record<Refusal, RefusalText> = {
  'signed-out': { short: 'Signed out', title: 'You are signed out', text: 'Sign in again to go on.', discard: false },
  'no-access': {
    short: 'No access',
    title: 'You no longer have access to this flow',
    text: 'Somebody removed you from it. What you see is the copy on this device; it is not kept up to date.',
    discard: false,
  },
  'no-such-flow': {
    short: 'Deleted',
    title: 'This flow is no longer there',
    text: 'It was deleted, or you no longer have access to it. What you see is the copy on this device.',
    discard: false,
  },
  'other-history': {
    short: 'Another history',
    title: 'The flow on the server is not the one on this device',
    text: 'It was replaced by one with another history, and the two must not be mixed. Export your copy if you need it, then load the one on the server.',
    discard: true,
  },
  'too-large': {
    short: 'Too large',
    title: 'Your changes are too large for the server',
    text: 'They were not saved. Export your copy if you need it, then load the flow as the server has it.',
    discard: true,
  },
  malformed: {
    short: 'Not accepted',
    title: 'The server could not read your changes',
    text: 'They were not saved. Export your copy if you need it, then load the flow as the server has it.',
    discard: true,
  },
  'edit-refused': {
    short: 'Changes refused',
    title: 'Your changes were not accepted',
    text: 'You may view this flow, but no longer edit it. Export your copy if you need it, then load the flow as the server has it.',
    discard: true,
  },
};
