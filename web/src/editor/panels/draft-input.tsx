import { useEffect, useRef, useState, type ComponentProps } from 'react';

import { cx } from '../../ui/class-names';
import { INPUT } from '../../ui/input';

/** A pause this long while typing makes it an edit; so does leaving the box. */
const PAUSE_MS = 400;

type BoxProps = Omit<ComponentProps<'textarea'>, 'value' | 'onChange' | 'ref'>;

interface DraftInputProps extends BoxProps {
  value: string;
  /** Takes a changed text. Answers what is wrong with it, if something is. */
  onCommit: (text: string) => string | void;
  /** Several lines. */
  lines?: number;
  list?: string;
}

/**
 * A box for a plain value, which is replaced as a whole. What is typed stays here
 * until there is a pause; meanwhile nobody's edit changes the text under the hands.
 */
export function DraftInput({ value, onCommit, lines, className, onBlur, ...rest }: DraftInputProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const waiting = useRef<{ timer: ReturnType<typeof setTimeout>; text: string } | null>(null);
  const take = useRef(onCommit);
  useEffect(() => {
    take.current = onCommit;
  });
  const commit = () => {
    if (!waiting.current) return;
    clearTimeout(waiting.current.timer);
    const { text } = waiting.current;
    waiting.current = null;
    setError(take.current(text) ?? null);
  };
  const change = (text: string) => {
    setDraft(text);
    if (waiting.current) clearTimeout(waiting.current.timer);
    waiting.current = { text, timer: setTimeout(commit, PAUSE_MS) };
  };
  // The panel may close under an unfinished word; it is an edit all the same.
  const last = useRef(commit);
  useEffect(() => {
    last.current = commit;
  });
  useEffect(() => () => last.current(), []);
  const common = {
    value: draft ?? value,
    className: cx(INPUT, className),
    'aria-invalid': error !== null,
    onChange: (event: { target: { value: string } }) => change(event.target.value),
  };
  const leave = () => {
    commit();
    setDraft(null);
    setError(null);
  };
  return (
    <>
      {lines ? (
        <textarea
          rows={lines}
          {...rest}
          {...common}
          onBlur={(event) => {
            leave();
            onBlur?.(event);
          }}
        />
      ) : (
        <input {...(rest as ComponentProps<'input'>)} {...common} onBlur={leave} onKeyDown={(event) => event.key === 'Enter' && commit()} />
      )}
      {error && <p className="mt-1 text-xs text-red-700">{error}</p>}
    </>
  );
}
