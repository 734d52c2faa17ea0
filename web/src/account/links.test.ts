import { beforeEach, expect, test } from 'vitest';

import { flowOf, invitationIn, invitationUrl, linkIn, links, linkUrl, takeLinks } from './links';

beforeEach(() => {
  sessionStorage.clear();
  links.setState({}, true);
});

test('a link and an invitation are found behind the # they were put behind', () => {
  expect(linkIn(new URL(linkUrl('https://a.example', 'f1', 'ifl_a-B_9')).hash)).toBe('ifl_a-B_9');
  expect(invitationIn(new URL(invitationUrl('https://a.example', 'ifi_a-B_9')).hash)).toBe('ifi_a-B_9');
  for (const other of ['', '#', '#link=', '#link=ifk_abc', '#ifl_abc', '#link=ifl_a b', '#link=ifl_abc&x=1']) expect(linkIn(other)).toBeNull();
  for (const other of ['', '#', '#ifl_abc', '#ifi_', '#x=ifi_abc']) expect(invitationIn(other)).toBeNull();
});

test('only the page of a flow is one', () => {
  expect(['/flows/f1', '/flows/f1/'].map(flowOf)).toEqual(['f1', 'f1']);
  expect(['/', '/flows', '/flows/', '/flows/f1/more', '/join'].map(flowOf)).toEqual([null, null, null, null, null]);
});

test('a link is taken out of the address and kept for this tab, for its flow alone', () => {
  history.replaceState(null, '', '/flows/f1#link=ifl_one');
  takeLinks();
  expect(location.href).toBe(`${location.origin}/flows/f1`);
  expect(links.getState()).toEqual({ f1: 'ifl_one' });
  expect(Object.values(localStorage)).not.toContain('ifl_one');

  // As after a reload.
  links.setState({}, true);
  takeLinks();
  expect(links.getState()).toEqual({ f1: 'ifl_one' });
});

test('another link for the flow replaces the one before, without a reload', () => {
  history.replaceState(null, '', '/flows/f1#link=ifl_one');
  takeLinks();
  history.replaceState(null, '', '/flows/f1#link=ifl_two');
  window.dispatchEvent(new Event('hashchange'));
  expect(links.getState()).toEqual({ f1: 'ifl_two' });
});
