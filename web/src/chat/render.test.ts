import { expect, test } from 'vitest';

import { isSafe, renderBlock, renderText } from './render.ts';
import type { Block, TextNode } from './protocol.ts';

const press = () => undefined;

/** What a page would have to be tricked into building. */
function isInert(root: HTMLElement): boolean {
  const all = [root, ...root.querySelectorAll<HTMLElement>('*')];
  const tags = ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'FORM', 'SVG', 'STYLE', 'LINK', 'BASE', 'META'];
  return all.every(
    (one) =>
      !tags.includes(one.tagName.toUpperCase()) &&
      [...one.attributes].every(({ name, value }) => !name.startsWith('on') && name !== 'style' && (!['href', 'src'].includes(name) || isSafe(value))),
  );
}

/** From the public lists of such payloads. */
export const PAYLOADS = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<svg/onload=alert(1)>',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '"><script>alert(1)</script>',
  "';alert(1)//",
  '<a href="javascript:alert(1)">x</a>',
  '<math><mi//xlink:href="data:x,<script>alert(1)</script>">',
  '<details open ontoggle=alert(1)>',
  '<body onload=alert(1)>',
  '<style>@import "javascript:alert(1)"</style>',
  '{{constructor.constructor("alert(1)")()}}',
  '<template><script>alert(1)</script></template>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '\u202e<script>alert(1)</script>',
];

test('payloads are text wherever they are', () => {
  for (const payload of PAYLOADS) {
    const blocks: Block[] = [
      { kind: 'text', content: [{ t: 'p', c: [{ t: 'text', text: payload }, { t: 'code', text: payload }] }] },
      { kind: 'text', content: [{ t: payload, c: [{ t: 'text', text: payload }] }] },
      { kind: 'image', url: payload, alt: payload },
      { kind: 'file', url: `https://example.com/${payload}`, name: payload },
      { kind: 'card', title: payload, subtitle: [{ t: 'text', text: payload }], image: payload, buttons: [{ kind: 'url', label: payload, url: payload }, { kind: 'reply', label: payload }] },
      { kind: 'carousel', cards: [{ title: payload }] },
    ];
    for (const block of blocks) expect(isInert(renderBlock(block, press)), `${payload} in ${JSON.stringify(block)}`).toBe(true);
    const [made] = blocks;
    expect(renderBlock(made!, press).textContent).toContain(payload);
  }
});

test('addresses that are none of a page are not linked', () => {
  for (const href of ['javascript:alert(1)', 'JAVASCRIPT:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x', 'vbscript:x', '//x', '/x', 'blob:x']) {
    const host = document.createElement('div');
    host.append(...renderText([{ t: 'a', href, c: [{ t: 'text', text: 'go' }] }, { t: 'img', src: href, alt: 'a' }]));
    expect(host.querySelector('a, img'), href).toBeNull();
    expect(host.textContent).toBe('go');
  }
});

test('texts become elements', () => {
  const nodes: TextNode[] = [
    { t: 'h', level: 9, c: [{ t: 'text', text: 'T' }] },
    { t: 'p', c: [{ t: 'strong', c: [{ t: 'text', text: 'b' }] }, { t: 'br' }, { t: 'a', href: 'https://e.com/', c: [{ t: 'text', text: 'l' }] }] },
    { t: 'ol', start: 3, c: [{ t: 'li', c: [{ t: 'text', text: 'i' }] }] },
    { t: 'code', text: 'a\nb' },
    { t: 'newer', c: [{ t: 'text', text: 'n' }] },
  ];
  const host = document.createElement('div');
  host.append(...renderText(nodes));
  expect(host.innerHTML).toBe(
    '<h6>T</h6><p><strong>b</strong><br><a href="https://e.com/" target="_blank" rel="noopener noreferrer nofollow">l</a></p><ol start="3"><li>i</li></ol><pre><code>a\nb</code></pre>n',
  );
});
