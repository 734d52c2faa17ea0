import { fileForm, type Send } from './file-form.ts';
import type { Answer, Ask } from './protocol.ts';
import { element } from './render.ts';

/** A form for what is asked; `done` gets the answer, and how to show it. What it sends ends with `signal`. */
export function askForm(ask: Ask, send: Send, signal: AbortSignal, done: (answer: Answer, shown: string) => void): HTMLFormElement {
  const form = document.createElement('form');
  const label = 'Your answer';
  switch (ask.kind) {
    case 'choice':
      choices(form, ask, done);
      break;
    case 'confirm':
      button(form, ask.yes ?? 'Yes', () => done({ value: true }, ask.yes ?? 'Yes'));
      button(form, ask.no ?? 'No', () => done({ value: false }, ask.no ?? 'No'));
      break;
    case 'rating':
      for (let rating = 1; rating <= Number(ask.max ?? 5); rating += 1) {
        button(form, String(rating), () => done({ value: rating }, String(rating)));
      }
      break;
    case 'file':
      fileForm(form, ask, send, signal, done);
      break;
    default:
      typed(form, ask, label, done);
  }
  return form;
}

function button(form: HTMLFormElement, text: string, press: () => void): void {
  const made = element('button', { type: 'button', class: 'option' }, [document.createTextNode(text)]);
  made.addEventListener('click', press);
  form.append(made);
}

function choices(form: HTMLFormElement, ask: Ask, done: (answer: Answer, shown: string) => void): void {
  const options = ask.options ?? [];
  if (!ask.multiple) {
    for (const { id, label } of options) button(form, label, () => done({ choice: [id] }, label));
    return;
  }
  const boxes = options.map(({ id, label }) => {
    const box = element('input', { type: 'checkbox', value: id }) as HTMLInputElement;
    form.append(element('label', {}, [box, document.createTextNode(label)]));
    return { id, label, box };
  });
  form.append(send());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const chosen = boxes.filter(({ box }) => box.checked);
    done({ choice: chosen.map(({ id }) => id) }, chosen.map(({ label }) => label).join(', ') || '–');
  });
}

/** What a browser's keyboard and calendar are chosen by. */
const TYPES: Record<string, string> = { email: 'email', url: 'text', phone: 'tel', number: 'text' };

function typed(form: HTMLFormElement, ask: Ask, label: string, done: (answer: Answer, shown: string) => void): void {
  const tag = ask.kind === 'text' && ask.multiline ? 'textarea' : 'input';
  const type = ask.kind === 'date' ? (ask.withTime ? 'datetime-local' : 'date') : (TYPES[ask.kind] ?? 'text');
  const field = element(tag, { 'aria-label': label, placeholder: ask.placeholder ?? '' }) as HTMLInputElement;
  if (tag === 'input') field.type = type;
  if (ask.kind === 'number') field.inputMode = ask.integer ? 'numeric' : 'decimal';
  form.append(field, send());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    done({ text: field.value }, field.value);
  });
}

function send(): HTMLElement {
  return element('button', { type: 'submit', class: 'send' }, [document.createTextNode('Send')]);
}
