// Markup that people have thought of to get a page to run it, all of a public list, said by
// the author of a flow, by a variable, and by a visitor.

import strings from 'big-list-of-naughty-strings' with { type: 'json' };

import { expect, test } from './people.ts';

/** Those that say something, each once. */
const PAYLOADS = [...new Set(strings)].filter((text) => text.trim() !== '');

/** An answer has at most so many characters. */
const ANSWER_CHARS = 4_000;

/** What begins an expression is the author's own program, and no payload. */
const isText = (text: string) => !/\{[{%#]/.test(text);

const variable = (at: number) => `p${at}`;

const flow = {
  interflow: 1,
  name: 'Payloads',
  nodes: [
    { id: 'start', type: 'start', data: {} },
    {
      id: 'say', type: 'message', data: {
        typing_ms: 0,
        blocks: PAYLOADS.flatMap((text, at) => [
          ...(isText(text) ? [{ id: `a${at}`, text }] : []),
          { id: `v${at}`, text: `{{ ${variable(at)} }}` },
          { id: `l${at}`, text: `[{{ ${variable(at)} }}]({{ ${variable(at)} }}) ![{{ ${variable(at)} }}](https://e.com/{{ ${variable(at)} }})` },
        ]),
      },
    },
    { id: 'ask', type: 'input', data: { variable: 'answer', prompt: 'And you?' } },
    { id: 'echo', type: 'message', data: { typing_ms: 0, blocks: [{ id: 'b', text: '{{ answer }}' }] } },
  ],
  edges: [
    { source: 'start', sourceHandle: 'out', target: 'say' },
    { source: 'say', sourceHandle: 'out', target: 'ask' },
    { source: 'ask', sourceHandle: 'out', target: 'echo' },
    { source: 'echo', sourceHandle: 'out', target: 'ask' },
  ],
  variables: {
    answer: { type: 'text' },
    ...Object.fromEntries(PAYLOADS.map((text, at) => [variable(at), { type: 'text', default: text }])),
  },
};

/** As many as an answer has room for, one a line. */
function answers(): string[] {
  const all = [''];
  for (const text of PAYLOADS.map((payload) => payload.replace(/\s+/g, ' '))) {
    const longer = `${all.at(-1)!}${text}\n`;
    if (longer.length <= ANSWER_CHARS) all[all.length - 1] = longer;
    else all.push(`${text}\n`);
  }
  return all;
}

test('what a public list has of markup that runs is text in a chat', async ({ arrive, guest, server }) => {
  test.setTimeout(180_000);
  const ann = await arrive('Ann');
  const id = await ann.create({ name: 'Payloads', flow });
  await ann.activate(id);
  const token = await ann.runLink(id);

  // Whatever ran would open a dialog, ask another server, or go against the page's policy.
  const seen: string[] = [];
  guest.on('dialog', (dialog) => {
    seen.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  guest.on('request', (request) => {
    const images = request.resourceType() === 'image' && request.url().startsWith('https://e.com/');
    if (!request.url().startsWith(server.url) && !images) seen.push(`a request: ${request.url()}`);
  });
  await guest.route('https://e.com/**', (route) => route.abort());
  await guest.addInitScript(() => {
    const against: string[] = [];
    Object.assign(window, { against });
    addEventListener('securitypolicyviolation', (event) => against.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });

  await guest.goto(`/c/${id}#link=${token}`);
  const chat = guest.locator('interflow-chat');
  await expect(chat.getByText('And you?')).toBeVisible();
  for (const answer of answers()) {
    await chat.getByLabel('Your answer').fill(answer);
    await chat.getByRole('button', { name: 'Send' }).click();
    await expect(chat.getByLabel('Your answer')).toHaveValue('');
    await expect(chat.getByText('And you?').last()).toBeVisible();
    await expect(chat.getByLabel('Your answer')).toBeEnabled();
  }

  const built = await chat.evaluate((host) => {
    const log = host.shadowRoot!.querySelector('.log')!;
    const all = [...log.querySelectorAll('*')];
    const odd = all.flatMap((one) => [...one.attributes]
      .filter(({ name, value }) => name.startsWith('on') || name === 'style' || name === 'srcdoc' || (['href', 'src'].includes(name) && !/^https?:|^mailto:|^tel:/.test(value)))
      .map(({ name, value }) => `${one.tagName} ${name}=${value}`));
    return { tags: [...new Set(all.map(({ tagName }) => tagName.toLowerCase()))].sort(), odd, text: log.textContent };
  });
  expect(built.odd).toEqual([]);
  const harmless = ['a', 'blockquote', 'br', 'code', 'del', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'img', 'li', 'ol', 'p', 'pre', 'span', 'strong', 'ul'];
  expect(built.tags.filter((tag) => !harmless.includes(tag))).toEqual([]);
  for (const text of PAYLOADS.filter((payload) => payload.includes('<script>') && !payload.includes('\n'))) expect(built.text).toContain(text.trim());
  const against = await guest.evaluate(() => (window as unknown as { against: string[] }).against);
  expect([...seen, ...against]).toEqual([]);
  await guest.screenshot({ path: 'test-results/payloads-1280.png' });
});
