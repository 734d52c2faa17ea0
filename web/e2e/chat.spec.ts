import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, test } from './people.ts';

/** A flow that says what it was given, and then asks for more. */
const echo = (text: string) => ({
  interflow: 1,
  name: 'Echo',
  nodes: [
    { id: 'start', type: 'start', data: {} },
    { id: 'hello', type: 'message', data: { blocks: [{ id: 'a', text: `Hello **you** ${text} {{ payload }}` }] } },
    { id: 'ask', type: 'input', data: { variable: 'answer', prompt: 'Say something' } },
    { id: 'echo', type: 'message', data: { blocks: [{ id: 'b', text: 'You said {{ answer }}' }] } },
    { id: 'end', type: 'end', data: {} },
  ],
  edges: [
    { source: 'start', sourceHandle: 'out', target: 'hello' },
    { source: 'hello', sourceHandle: 'out', target: 'ask' },
    { source: 'ask', sourceHandle: 'out', target: 'echo' },
    { source: 'echo', sourceHandle: 'out', target: 'end' },
  ],
  variables: { answer: { type: 'text' }, payload: { type: 'text', default: text } },
});

const PAYLOADS = [
  '<script>window.hit=1</script>',
  '<img src=x onerror="window.hit=1">',
  '<svg onload="window.hit=1">',
  '<iframe srcdoc="<script>parent.hit=1</script>"></iframe>',
  '[click](javascript:window.hit=1)',
  '<a href="javascript:window.hit=1">x</a>',
  '<details open ontoggle="window.hit=1">x</details>',
  '![x](x"onerror="window.hit=1)',
].join(' ');

test('somebody with a link chats with an active flow, over a break, and nothing they say is markup', async ({ arrive, guest }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Echo', flow: echo(PAYLOADS) });
  await ann.activate(flow);
  const token = await ann.runLink(flow);
  await guest.goto(`/c/${flow}#link=${token}`);
  const chat = guest.locator('interflow-chat');
  await expect(chat.getByRole('heading', { name: 'Echo' })).toBeVisible();
  await expect(chat.getByText('Say something')).toBeVisible();
  expect(new URL(guest.url()).hash).toBe('');
  // What the author wrote and what a variable holds, both as text.
  await expect(chat.getByRole('log')).toContainText('<img src=x onerror="window.hit=1">');

  await guest.context().setOffline(true);
  await guest.context().setOffline(false);
  await chat.getByLabel('Your answer').fill(PAYLOADS);
  await chat.getByRole('button', { name: 'Send' }).click();
  await expect(chat.getByRole('log')).toContainText(`You said ${PAYLOADS.slice(0, 20)}`);
  await expect(chat.getByRole('status')).toContainText('The conversation has ended.');
  expect(await guest.evaluate(() => (window as unknown as { hit?: number }).hit)).toBeUndefined();
  const markup = await chat.evaluate((host) => host.shadowRoot!.querySelector('.log')!.querySelectorAll('script, iframe, svg, details, [onerror], a[href^=javascript]').length);
  expect(markup).toBe(0);

  await guest.reload();
  await expect(chat.getByRole('log')).toContainText('Say something');
  await chat.getByRole('button', { name: 'Start over' }).click();
  await expect(chat.getByLabel('Your answer')).toBeVisible();
});

test('a script puts the chat on any page', async ({ arrive, guest, server }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Echo', flow: echo('') });
  await ann.activate(flow);
  const token = await ann.runLink(flow);
  // A page of somebody else's, which does not say how it is encoded.
  const shop = createServer((_, response) => {
    const script = `<script src="${server.url}/widget.js" data-flow="${flow}" data-token="${token}"></script>`;
    response.setHeader('content-type', 'text/html').end(`<!doctype html><title>Shop</title><h1>Shop</h1>${script}`);
  });
  await new Promise<void>((listens) => shop.listen(0, '127.0.0.1', listens));
  shop.unref();
  await guest.goto(`http://127.0.0.1:${(shop.address() as AddressInfo).port}/`);
  const open = guest.getByRole('button', { name: 'Open the chat' });
  await open.focus();
  await guest.keyboard.press('Enter');
  const field = guest.getByLabel('Your answer');
  await expect(field).toBeFocused();
  await guest.keyboard.type('hi');
  await guest.keyboard.press('Enter');
  await expect(guest.getByRole('log')).toContainText('You said hi');
  await guest.keyboard.press('Escape');
  await expect(guest.getByRole('log')).toBeHidden();
  await expect(open).toBeFocused();
  // Nor has the page said how it is to read the script.
  expect((await guest.request.get(`${server.url}/widget.js`)).headers()['content-type']).toContain('charset=utf-8');
  shop.close();
});

test('a chat is given an address that people can read', async ({ arrive, guest }) => {
  const ann = await arrive('Ann');
  const flow = await ann.create({ name: 'Écho, please', flow: { ...echo(''), name: 'Écho, please' } });
  await ann.activate(flow);
  await ann.open(flow);
  await ann.page.getByRole('button', { name: 'Share', exact: true }).click();
  const address = ann.page.getByLabel('Address of the chat');
  await expect(address).toHaveValue('echo-please');
  await address.fill('Echo!');
  await expect(ann.page.getByText('Use small letters, digits, and single hyphens')).toBeVisible();
  await expect(ann.page.getByRole('button', { name: 'Use this' })).toBeDisabled();
  await address.fill('new');
  await ann.page.getByRole('button', { name: 'Use this' }).click();
  await expect(ann.page.getByText('This address is reserved.')).toBeVisible();
  const slug = `echo-${flow.slice(-12)}`;
  await address.fill(slug);
  await ann.page.getByRole('button', { name: 'Use this' }).click();
  await expect(ann.page.getByRole('button', { name: 'Use the id' })).toBeVisible();
  await ann.page.getByLabel('What people with the link may').selectOption('run');
  await ann.page.getByRole('button', { name: 'Make a link' }).click();
  const link = await ann.page.getByLabel('The link. Copy it now: it is not shown again.').inputValue();
  expect(link).toContain(`/c/${slug}#link=`);
  await guest.goto(link);
  await expect(guest.locator('interflow-chat').getByText('Say something')).toBeVisible();
});
