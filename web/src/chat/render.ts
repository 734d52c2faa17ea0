import type { Block, Button, Card, TextNode } from './protocol.ts';

/**
 * Elements for what a flow says. Nothing is parsed as HTML: kinds that are known become elements,
 * text becomes text, and addresses are looked at once more.
 */
export function renderBlock(block: Block, press: (button: Button) => void): HTMLElement {
  switch (block.kind) {
    case 'text':
      return element('div', { class: 'text' }, renderText(block.content));
    case 'image':
      return media(block.url, () => {
        const image = element('img', { src: block.url, alt: block.alt ?? '', loading: 'lazy' });
        return image;
      });
    case 'video':
      return media(block.url, () => element('video', { src: block.url, controls: '', 'aria-label': block.alt ?? '' }));
    case 'audio':
      return media(block.url, () => element('audio', { src: block.url, controls: '', 'aria-label': block.alt ?? '' }));
    case 'file':
      return media(block.url, () => link(block.url, [document.createTextNode(block.name ?? block.url)]));
    case 'card':
      return renderCard(block, press);
    case 'carousel':
      return element('div', { class: 'carousel' }, block.cards.map((card) => renderCard(card, press)));
    default:
      // A newer server's.
      return element('div', {});
  }
}

function renderCard(card: Card, press: (button: Button) => void): HTMLElement {
  const parts: Node[] = [];
  if (card.image && isSafe(card.image)) parts.push(element('img', { src: card.image, alt: '' }));
  parts.push(element('strong', { class: 'title' }, [document.createTextNode(card.title)]));
  if (card.subtitle) parts.push(element('div', {}, renderText(card.subtitle)));
  for (const button of card.buttons ?? []) {
    if (button.kind === 'url') {
      if (button.url && isSafe(button.url)) parts.push(link(button.url, [document.createTextNode(button.label)]));
      continue;
    }
    const made = element('button', { type: 'button', class: 'option' }, [document.createTextNode(button.label)]);
    made.addEventListener('click', () => press(button));
    parts.push(made);
  }
  return element('div', { class: 'card' }, parts);
}

/** Tags of kinds that are only a tag. */
const TAGS: Record<string, string> = {
  p: 'p',
  ul: 'ul',
  ol: 'ol',
  li: 'li',
  quote: 'blockquote',
  strong: 'strong',
  em: 'em',
  del: 'del',
};

export function renderText(nodes: TextNode[]): Node[] {
  return nodes.flatMap(renderNode);
}

function renderNode(node: TextNode): Node[] {
  const children = () => renderText(node.c ?? []);
  const tag = TAGS[node.t];
  if (tag !== undefined) {
    const made = element(tag, {}, children());
    if (node.t === 'ol' && node.start !== undefined) made.setAttribute('start', String(Number(node.start)));
    return [made];
  }
  switch (node.t) {
    case 'text':
      return [document.createTextNode(node.text ?? '')];
    case 'h': {
      const level = Math.min(Math.max(Math.trunc(Number(node.level ?? 1)), 1), 6);
      return [element(`h${level}`, {}, children())];
    }
    case 'code': {
      const code = element('code', {}, [document.createTextNode(node.text ?? '')]);
      return [(node.text ?? '').includes('\n') ? element('pre', {}, [code]) : code];
    }
    case 'br':
      return [element('br', {})];
    case 'hr':
      return [element('hr', {})];
    case 'a':
      return node.href && isSafe(node.href) ? [link(node.href, children())] : children();
    case 'img':
      return node.src && isSafe(node.src) ? [element('img', { src: node.src, alt: node.alt ?? '' })] : [];
    default:
      return children();
  }
}

function media(url: string, make: () => HTMLElement): HTMLElement {
  return isSafe(url) ? make() : element('div', {});
}

function link(href: string, children: Node[]): HTMLElement {
  return element('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, children);
}

/** The server has looked already; a page that trusts nobody looks again. */
export function isSafe(url: string): boolean {
  try {
    return ['http:', 'https:', 'mailto:', 'tel:'].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

export function element(tag: string, attributes: Record<string, string>, children: Node[] = []): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
