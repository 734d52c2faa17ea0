import type { ReactNode } from 'react';

interface NoticeProps {
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  icon?: ReactNode;
}

/** Fills the space where something would be: empty, failed, or not for you. */
export function Notice({ title, children, actions, icon }: NoticeProps) {
  return (
    <div className="flex h-full min-h-60 flex-col items-center justify-center px-6 py-12 text-center">
      {icon && <div className="mb-4 text-slate-400">{icon}</div>}
      <h2 className="text-lg font-semibold text-slate-900">{title}</h2>
      {children && <div className="mt-1.5 max-w-md text-sm text-slate-600">{children}</div>}
      {actions && <div className="mt-5 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <div role="status" className="flex h-full min-h-60 flex-col items-center justify-center gap-3 text-sm text-slate-500">
      <span className="size-6 animate-spin rounded-full border-2 border-slate-300 border-t-brand-600" aria-hidden />
      Loading {what}…
    </div>
  );
}

/** A failure beside what it is about. */
export function Problem({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className="rounded-lg border border-red-200 bg-red-50 px-3 py-2 text-sm text-red-800">
      {children}
    </p>
  );
}
