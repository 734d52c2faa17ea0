import type { Answer, Ask } from './protocol.ts';
import { element } from './render.ts';
import { NotSent } from './sending.ts';

/** Sends one file; answers its id. */
export type Send = (file: File, progress: (part: number) => void, signal: AbortSignal) => Promise<string>;

/** A file that was chosen, and its id once it is sent: after a failure it is not sent again. */
interface Chosen {
  file: File;
  id: string | null;
  progress: HTMLProgressElement;
}

/** Chooses files, by hand or by dropping them, sends them, and answers with them. */
export function fileForm(form: HTMLFormElement, ask: Ask, send: Send, signal: AbortSignal, done: (answer: Answer, shown: string) => void): void {
  const most = ask.filesMax ?? 1;
  const field = picker(ask, most);
  const hint = element('p', { class: 'hint', id: 'hint' }, [document.createTextNode(hintOf(ask, most))]);
  const list = element('ul', { class: 'files', 'aria-label': 'Chosen files' });
  const problem = element('p', { class: 'problem', role: 'alert' });
  const state = element('p', { class: 'hint', role: 'status' });
  const submit = element('button', { type: 'submit', class: 'send' }, [document.createTextNode('Send')]) as HTMLButtonElement;
  const cancel = element('button', { type: 'button', hidden: '' }, [document.createTextNode('Cancel')]) as HTMLButtonElement;
  let chosen: Chosen[] = [];
  let sending: AbortController | null = null;

  const show = () => {
    list.replaceChildren(...chosen.map((one) => row(one, sending === null ? () => remove(one) : null)));
    field.disabled = sending !== null;
    submit.disabled = sending !== null || chosen.length === 0;
    cancel.hidden = sending === null;
    if (sending === null) state.textContent = '';
  };
  const remove = (one: Chosen) => {
    chosen = chosen.filter((other) => other !== one);
    show();
    field.focus();
  };
  const add = (files: Iterable<File>) => {
    if (sending !== null) return;
    const added = [...files].map((file) => ({ file, id: null, progress: progressOf(file) }));
    if (added.length === 0) return;
    chosen = most === 1 ? added.slice(-1) : [...chosen, ...added];
    problem.textContent = misfit(chosen, ask, most);
    show();
  };

  const transfer = async () => {
    const stopped = new AbortController();
    signal.addEventListener('abort', () => stopped.abort());
    sending = stopped;
    problem.textContent = '';
    show();
    for (const one of chosen) {
      state.textContent = `Sending ${one.file.name} …`;
      try {
        one.id ??= await send(one.file, (part) => (one.progress.value = part), stopped.signal);
      } catch (error) {
        sending = null;
        one.progress.value = 0;
        if (signal.aborted) return;
        const aborted = error instanceof NotSent && error.code === 'aborted';
        const why = error instanceof Error ? error.message : String(error);
        problem.textContent = aborted ? '' : `${one.file.name} was not sent. ${why}`;
        show();
        submit.focus();
        return;
      }
    }
    if (signal.aborted) return;
    done({ files: chosen.map(({ id }) => id!) }, chosen.map(({ file }) => file.name).join(', '));
  };

  field.addEventListener('change', () => {
    add(field.files ?? []);
    // The same file can be chosen again.
    field.value = '';
  });
  cancel.addEventListener('click', () => sending?.abort());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    problem.textContent = misfit(chosen, ask, most);
    if (sending === null && chosen.length > 0 && problem.textContent === '') void transfer();
  });
  droppable(form, add);
  form.append(field, hint, list, state, problem, submit, cancel);
  show();
}

function picker(ask: Ask, most: number): HTMLInputElement {
  const label = most === 1 ? 'File to send' : 'Files to send';
  const field = element('input', { type: 'file', 'aria-label': label, 'aria-describedby': 'hint' }) as HTMLInputElement;
  const types = ask.types ?? [];
  if (types.length > 0 && !types.includes('*/*')) field.accept = types.join(',');
  field.multiple = most > 1;
  return field;
}

function droppable(form: HTMLFormElement, add: (files: Iterable<File>) => void): void {
  form.addEventListener('dragover', (event) => {
    event.preventDefault();
    form.classList.add('over');
  });
  form.addEventListener('dragleave', () => form.classList.remove('over'));
  form.addEventListener('drop', (event) => {
    event.preventDefault();
    form.classList.remove('over');
    add(event.dataTransfer?.files ?? []);
  });
}

function row(one: Chosen, remove: (() => void) | null): HTMLElement {
  const { file, progress } = one;
  progress.hidden = remove !== null;
  const name = element('span', { class: 'name' }, [document.createTextNode(`${file.name} (${size(file.size)})`)]);
  const parts: Node[] = [name, progress];
  if (remove) {
    const button = element('button', { type: 'button', 'aria-label': `Remove ${file.name}` }, [document.createTextNode('✕')]);
    button.addEventListener('click', remove);
    parts.push(button);
  }
  return element('li', {}, parts);
}

function progressOf(file: File): HTMLProgressElement {
  const progress = element('progress', { 'aria-label': `Sending ${file.name}`, max: '1' }) as HTMLProgressElement;
  progress.value = 0;
  return progress;
}

/** What people call whole families of types. */
const FAMILIES: Record<string, string> = { 'image/*': 'images', 'video/*': 'videos', 'audio/*': 'sounds', 'text/*': 'texts' };

function hintOf(ask: Ask, most: number): string {
  const types = (ask.types ?? []).filter((type) => type !== '*/*').map((type) => FAMILIES[type] ?? type);
  const count = most === 1 ? 'One file' : `At most ${most} files`;
  const kinds = types.length > 0 ? ` (${types.join(', ')})` : '';
  const large = ask.bytesMax === undefined ? '' : `, ${most === 1 ? '' : 'each '}at most ${size(ask.bytesMax)}`;
  return `${count}${kinds}${large}. Can be dropped here.`;
}

/** Why these cannot be the answer; of what they are only the server can judge. */
function misfit(chosen: Chosen[], ask: Ask, most: number): string {
  if (chosen.length > most) return `Please send at most ${most} files.`;
  const large = chosen.find(({ file }) => ask.bytesMax !== undefined && file.size > ask.bytesMax);
  if (large) return `${large.file.name} is larger than ${size(ask.bytesMax!)}.`;
  const empty = chosen.find(({ file }) => file.size === 0);
  return empty ? `${empty.file.name} is empty.` : '';
}

export function size(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`;
  const [unit, of] = bytes < 1_024 ** 2 ? ['KiB', 1_024] : ['MiB', 1_024 ** 2];
  return `${Number((bytes / of).toFixed(1))} ${unit}`;
}
