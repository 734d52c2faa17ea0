import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Locator } from '@playwright/test';

import { expect, test } from './people.ts';

/** One transparent pixel. */
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=', 'base64');

/** Asks for a picture, and says what it was given. */
const flow = {
  interflow: 1,
  name: 'Photos',
  nodes: [
    { id: 'start', type: 'start', data: {} },
    { id: 'ask', type: 'input', data: { kind: 'file', variable: 'photo', prompt: 'A photo?', file_types: ['image/*'], file_bytes_max: 2048, retry_message: 'That is no picture.' } },
    { id: 'thanks', type: 'message', data: { blocks: [{ id: 'b', text: 'Got {{ photo.name }}, {{ photo.type }}, {{ photo.bytes }} bytes' }] } },
    { id: 'end', type: 'end', data: {} },
  ],
  edges: [
    { source: 'start', sourceHandle: 'out', target: 'ask' },
    { source: 'ask', sourceHandle: 'out', target: 'thanks' },
    { source: 'thanks', sourceHandle: 'out', target: 'end' },
  ],
  variables: { photo: {} },
};

const called = (name: string, content: Buffer | string) => ({ name, mimeType: 'image/png', buffer: Buffer.from(content) });

async function send(chat: Locator, name: string, content: Buffer | string): Promise<void> {
  await chat.getByLabel('File to send').setInputFiles(called(name, content));
  await chat.getByRole('button', { name: 'Send', exact: true }).click();
}

test('a picture is sent to a chat, and what only calls itself one is refused', async ({ arrive, guest }) => {
  const ann = await arrive('Ann');
  const id = await ann.create({ name: 'Photos', flow });
  await ann.activate(id);
  await guest.goto(`/c/${id}#link=${await ann.runLink(id)}`);
  const chat = guest.locator('interflow-chat');
  const log = chat.getByRole('log');
  const field = chat.getByLabel('File to send');
  await expect(field).toBeFocused();
  await expect(field).toHaveAttribute('accept', 'image/*');

  // Too large is told before anything is sent.
  await field.setInputFiles(called('large.png', Buffer.alloc(4_096)));
  await expect(chat.getByRole('alert')).toHaveText('large.png is larger than 2 KiB.');
  await chat.getByRole('button', { name: 'Remove large.png' }).click();
  await expect(chat.getByRole('button', { name: 'Send', exact: true })).toBeDisabled();

  await send(chat, 'holiday.png', '<!doctype html><script>alert(1)</script>');
  await expect(log).toContainText('holiday.png');
  await expect(log).toContainText('That is no picture.');
  await expect(field).toBeVisible();

  // What was dropped is chosen, too.
  const dropped = await guest.evaluateHandle((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], 'ich & du.png', { type: 'image/png' }));
    return data;
  }, [...PNG]);
  await chat.locator('form').dispatchEvent('drop', { dataTransfer: dropped });
  await expect(chat.getByRole('list', { name: 'Chosen files' })).toContainText(`ich & du.png (${PNG.length} bytes)`);
  await chat.getByRole('button', { name: 'Send', exact: true }).press('Enter');
  await expect(log).toContainText(`Got ich & du.png, image/png, ${PNG.length} bytes`);
  await expect(chat.getByRole('status').first()).toContainText('The conversation has ended.');
});

test('a chat in a page of somebody else sends files, too', async ({ arrive, guest, server }) => {
  const ann = await arrive('Ann');
  const id = await ann.create({ name: 'Photos', flow });
  await ann.activate(id);
  const token = await ann.runLink(id);
  const shop = createServer((_, response) => {
    const script = `<script src="${server.url}/widget.js" data-flow="${id}" data-token="${token}" data-mode="inline"></script>`;
    response.setHeader('content-type', 'text/html').end(`<!doctype html><title>Shop</title><h1>Shop</h1>${script}`);
  });
  await new Promise<void>((listens) => shop.listen(0, '127.0.0.1', listens));
  shop.unref();
  await guest.goto(`http://127.0.0.1:${(shop.address() as AddressInfo).port}/`);
  const chat = guest.locator('interflow-chat');
  await send(chat, 'ich.png', PNG);
  await expect(chat.getByRole('log')).toContainText(`Got ich.png, image/png, ${PNG.length} bytes`);
  shop.close();
});

test('who tries a flow sends files to it', async ({ arrive }) => {
  const ann = await arrive('Ann');
  const id = await ann.create({ name: 'Photos', flow });
  await ann.open(id);
  await ann.page.getByRole('button', { name: 'Try it' }).click();
  const chat = ann.page.locator('interflow-chat');
  await send(chat, 'ich.png', PNG);
  await expect(chat.getByRole('log')).toContainText('Got ich.png');
});
