import { expect, test } from 'vitest';

import { advance, NEW_LINK, refusalOf, toState, type ConnectionState, type LinkEvent } from './connection-state';

function after(...events: LinkEvent[]): ConnectionState {
  return toState(events.reduce(advance, NEW_LINK));
}

const edited: LinkEvent = { type: 'edited' };
const synced: LinkEvent = { type: 'synced' };
const lost: LinkEvent = { type: 'lost' };

test('the state is true at each moment of a connection', () => {
  expect(after()).toEqual({ kind: 'connecting', unsent: 0 });
  expect(after(edited)).toEqual({ kind: 'connecting', unsent: 1 });
  expect(after(synced)).toEqual({ kind: 'live', saving: 0 });
  expect(after(synced, edited, edited)).toEqual({ kind: 'live', saving: 2 });
  expect(after(synced, edited, edited, { type: 'acknowledged', made: 1 })).toEqual({ kind: 'live', saving: 1 });
  expect(after(synced, edited, lost, edited)).toEqual({ kind: 'offline', unsent: 2 });
  expect(after(synced, edited, lost, synced)).toEqual({ kind: 'live', saving: 1 });
  expect(after(lost)).toEqual({ kind: 'offline', unsent: 0 });
});

test('edits found on the device count until they are acknowledged', () => {
  const found: LinkEvent = { type: 'found', edits: 3 };
  expect(after(found, lost, edited)).toEqual({ kind: 'offline', unsent: 4 });
  expect(after(found, synced, edited, { type: 'acknowledged', made: 1 })).toEqual({ kind: 'live', saving: 0 });
  expect(after(found, found)).toEqual({ kind: 'connecting', unsent: 3 });
});

test('an old acknowledgement takes nothing back', () => {
  const old: LinkEvent = { type: 'acknowledged', made: 1 };
  expect(after(synced, edited, edited, { type: 'acknowledged', made: 2 }, old)).toEqual({ kind: 'live', saving: 0 });
});

test('a refusal outlives the closing of its socket, until somebody acts', () => {
  const refused: LinkEvent = { type: 'refused', reason: 'no-access' };
  expect(after(synced, edited, refused, lost, synced)).toEqual({ kind: 'refused', reason: 'no-access', unsent: 1 });
  expect(after(refused, { type: 'retried' })).toEqual({ kind: 'connecting', unsent: 0 });
});

test('every final close code has its reason, and an outage has none', () => {
  for (const [code, reason] of [
    [4401, 'signed-out'], [4403, 'no-access'], [4404, 'no-such-flow'], [4409, 'other-history'], [4413, 'too-large'], [4422, 'malformed'], [4499, 'malformed'],
    [1000, null], [1006, null], [1012, null], [1013, null], [4508, null],
  ] as const) {
    expect(refusalOf(code), String(code)).toBe(reason);
  }
});
