import { expect, test } from 'vitest';

import { fileForm, size, type Send } from './file-form.ts';
import type { Answer, Ask } from './protocol.ts';
import { NotSent } from './sending.ts';

interface Sent {
  file: File;
  progress: (part: number) => void;
  signal: AbortSignal;
  taken: (id: string) => void;
  refused: (error: Error) => void;
}

function open(ask: Partial<Ask>) {
  const sent: Sent[] = [];
  const answers: [Answer, string][] = [];
  const send: Send = (file, progress, signal) =>
    new Promise((taken, refused) => {
      signal.addEventListener('abort', () => refused(new NotSent('aborted', '')));
      sent.push({ file, progress, signal, taken, refused });
    });
  const form = document.createElement('form');
  const gone = new AbortController();
  fileForm(form, { visit: 2, kind: 'file', ...ask }, send, gone.signal, (answer, shown) => answers.push([answer, shown]));
  document.body.replaceChildren(form);
  const field = form.querySelector('input')!;
  const choose = (...files: File[]) => {
    Object.defineProperty(field, 'files', { value: files, configurable: true });
    field.dispatchEvent(new Event('change'));
  };
  const submit = () => form.dispatchEvent(new SubmitEvent('submit', { cancelable: true }));
  const names = () => [...form.querySelectorAll('.name')].map((name) => name.textContent);
  const problem = () => form.querySelector('[role=alert]')!.textContent;
  const buttons = () => [...form.querySelectorAll('button')].filter(({ hidden }) => !hidden);
  const button = (name: string) => buttons().find((one) => (one.getAttribute('aria-label') ?? one.textContent) === name);
  return { form, field, sent, answers, gone, choose, submit, names, problem, button };
}

const file = (name: string, bytes = 3) => new File(['x'.repeat(bytes)], name);
const settled = () => new Promise((done) => setTimeout(done, 0));

test('one file is chosen, sent with its progress, and answered with', async () => {
  const { form, field, sent, answers, choose, submit, names, button } = open({ types: ['image/*', 'application/pdf'], bytesMax: 2_048, filesMax: 1 });
  expect([field.accept, field.multiple, field.getAttribute('aria-label')]).toEqual(['image/*,application/pdf', false, 'File to send']);
  expect(form.querySelector(`#${field.getAttribute('aria-describedby')}`)?.textContent).toBe(
    'One file (images, application/pdf), at most 2 KiB. Can be dropped here.',
  );
  expect(button('Send')!.disabled).toBe(true);
  choose(file('a.png'));
  choose(file('b.png'));
  expect(names()).toEqual(['b.png (3 bytes)']);
  submit();
  expect([sent.length, field.disabled, form.querySelector('[role=status]')?.textContent]).toEqual([1, true, 'Sending b.png …']);
  sent[0]!.progress(0.5);
  const bar = form.querySelector('progress')!;
  expect([bar.value, bar.hidden, bar.getAttribute('aria-label')]).toEqual([0.5, false, 'Sending b.png']);
  submit();
  expect(sent).toHaveLength(1);
  sent[0]!.taken('f1');
  await settled();
  expect(answers).toEqual([[{ files: ['f1'] }, 'b.png']]);
});

test('several are sent one after the other, and after a failure only the rest', async () => {
  const { field, sent, answers, choose, submit, problem, button } = open({ filesMax: 3 });
  expect([field.accept, field.multiple]).toEqual(['', true]);
  choose(file('a'), file('b'));
  choose(file('c'));
  button('Remove c')!.click();
  expect(document.activeElement).toBe(field);
  submit();
  sent[0]!.taken('f1');
  await settled();
  sent[1]!.refused(new NotSent('offline', 'It did not get through.'));
  await settled();
  expect(problem()).toBe('b was not sent. It did not get through.');
  expect(button('Send')!.disabled).toBe(false);
  submit();
  expect(sent.map(({ file }) => file.name)).toEqual(['a', 'b', 'b']);
  sent[2]!.taken('f2');
  await settled();
  expect(answers).toEqual([[{ files: ['f1', 'f2'] }, 'a, b']]);
});

test('what cannot be the answer is not sent', () => {
  const { sent, choose, submit, problem, button } = open({ bytesMax: 4, filesMax: 2 });
  choose(file('large', 5));
  expect(problem()).toBe('large is larger than 4 bytes.');
  submit();
  button('Remove large')!.click();
  choose(file('a'), file('b'), file('c'));
  expect(problem()).toBe('Please send at most 2 files.');
  submit();
  button('Remove a')!.click();
  button('Remove b')!.click();
  choose(file('empty', 0));
  expect(problem()).toBe('empty is empty.');
  submit();
  expect(sent).toEqual([]);
});

test('files are dropped onto the form', () => {
  const { form, names } = open({ filesMax: 2 });
  const over = new Event('dragover', { cancelable: true });
  form.dispatchEvent(over);
  expect([over.defaultPrevented, form.className]).toEqual([true, 'over']);
  const drop = Object.assign(new Event('drop', { cancelable: true }), { dataTransfer: { files: [file('a'), file('b')] } });
  form.dispatchEvent(drop);
  expect([names(), form.className]).toEqual([['a (3 bytes)', 'b (3 bytes)'], '']);
});

test('who cancels may choose again, and a form that is gone answers nothing', async () => {
  const { sent, answers, gone, choose, submit, problem, button } = open({});
  choose(file('a'));
  submit();
  button('Cancel')!.click();
  await settled();
  expect([sent[0]!.signal.aborted, problem(), button('Cancel')]).toEqual([true, '', undefined]);
  submit();
  gone.abort();
  await settled();
  expect([sent[1]!.signal.aborted, answers]).toEqual([true, []]);
});

test('sizes are told as people read them', () => {
  expect([0, 1_023, 1_024, 1_536, 10_485_760, 1_073_741_824].map(size)).toEqual(['0 bytes', '1023 bytes', '1 KiB', '1.5 KiB', '10 MiB', '1024 MiB']);
});
