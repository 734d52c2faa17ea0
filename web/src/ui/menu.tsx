import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';

import { cx } from './class-names';

/** A button that opens a list of things to do. */
export function Menu({ trigger, children }: { trigger: ReactNode; children: ReactNode }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={4} className="z-50 min-w-44 rounded-xl border border-slate-200 bg-white p-1 shadow-lg">
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function MenuItem({ danger, onSelect, children }: { danger?: boolean; onSelect: () => void; children: ReactNode }) {
  return (
    <DropdownMenu.Item
      onSelect={onSelect}
      className={cx('flex items-center gap-2 rounded-lg px-2.5 py-1.5 text-sm outline-none data-highlighted:bg-slate-100', danger && 'text-red-700')}
    >
      {children}
    </DropdownMenu.Item>
  );
}

export function MenuNote({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="max-w-64 truncate px-2.5 py-1.5 text-xs text-slate-500">{children}</DropdownMenu.Label>;
}
