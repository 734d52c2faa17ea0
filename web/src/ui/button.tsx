import type { ComponentProps } from 'react';

import { cx } from './class-names';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<Look, string> = {
  primary: 'bg-brand-600 text-white hover:bg-brand-700 border-transparent',
  plain: 'bg-white text-slate-700 hover:bg-slate-50 border-slate-300',
  quiet: 'bg-transparent text-slate-600 hover:bg-slate-100 border-transparent',
  danger: 'bg-red-600 text-white hover:bg-red-700 border-transparent',
};

export function Button({ look = 'plain', className, type = 'button', ...rest }: ComponentProps<'button'> & { look?: Look }) {
  return (
    <button
      type={type}
      className={cx(
        'inline-flex h-9 shrink-0 items-center justify-center gap-1.5 rounded-lg border px-3 text-sm font-medium whitespace-nowrap transition-colors disabled:opacity-50',
        LOOKS[look],
        className,
      )}
      {...rest}
    />
  );
}

/** A square button with an icon; its label is what it does. */
export function IconButton({ label, className, type = 'button', ...rest }: ComponentProps<'button'> & { label: string }) {
  return (
    <button
      type={type}
      aria-label={label}
      title={label}
      className={cx(
        'inline-flex size-8 shrink-0 items-center justify-center rounded-lg text-slate-500 transition-colors hover:bg-slate-100 hover:text-slate-800 disabled:opacity-35 disabled:hover:bg-transparent',
        className,
      )}
      {...rest}
    />
  );
}
