import { describe, expect, it } from 'vitest';

import { readPeer } from './presence';
import { newestOf, readRun } from './runs';

const RUN = { id: 'a', kind: 'preview', status: 'waiting', version: 2, node: 'ask', trail: [{ node: 'start', port: 'out' }], by: 'Ann' };

describe('runs that are shown', () => {
  it('are read from presence, whatever else is there', () => {
    expect(readRun({ run: RUN, user: { id: 'x', name: 'Run of Ann' } })).toEqual(RUN);
    expect(readRun({ run: { ...RUN, node: 7, trail: [{ port: 'out' }, 'x', { node: 'end' }], by: null } })).toEqual({
      ...RUN,
      node: null,
      trail: [{ node: 'end', port: null }],
      by: null,
    });
  });

  it('are none where something else is shown', () => {
    for (const state of [null, {}, { run: null }, { run: { ...RUN, status: 'flying' } }, { run: { ...RUN, version: 'x' } }, { cursor: { x: 1, y: 2 } }]) {
      expect(readRun(state)).toBeNull();
    }
  });

  it('are no people', () => {
    const user = { id: 'x', name: 'Run of Ann' };
    expect(readPeer(1, { run: RUN, user })).toBeNull();
    expect(readPeer(1, { user })?.user.name).toBe('Run of Ann');
  });

  it('are there once, as the newest that is told', () => {
    const runs = [{ ...RUN, id: 'b' }, { ...RUN, version: 3 }, RUN].map((run) => readRun({ run })!);
    expect(newestOf(runs).map(({ id, version }) => [id, version])).toEqual([['a', 3], ['b', 2]]);
  });
});
