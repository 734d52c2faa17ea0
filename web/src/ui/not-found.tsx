import { Compass } from 'lucide-react';
import { Link } from 'wouter';

import { Notice } from './notice';

export function NotFound({ what = 'page' }: { what?: string }) {
  return (
    <main className="h-full">
      <Notice
        icon={<Compass size={40} strokeWidth={1.5} aria-hidden />}
        title={`There is no such ${what}`}
        actions={<HomeLink />}
      >
        It may have been deleted, or the address is not quite right.
      </Notice>
    </main>
  );
}

export function HomeLink() {
  return (
    <Link href="/" className="inline-flex h-9 items-center rounded-lg border border-slate-300 bg-white px-3 text-sm font-medium text-slate-700 hover:bg-slate-50">
      Go to your flows
    </Link>
  );
}
