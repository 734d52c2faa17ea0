import { ArrowLeft } from 'lucide-react';
import { useId, type ReactNode } from 'react';
import { Link } from 'wouter';

import { Logo } from '../../ui/logo';
import { AccountMenu } from '../account-menu';
import { Keys } from './keys';
import { Password } from './password';
import { Profile } from './profile';
import { Sessions } from './sessions';

/** What people do with their own account. */
export default function SettingsPage() {
  return (
    <div className="flex h-full flex-col">
      <header className="flex h-14 shrink-0 items-center gap-3 border-b border-slate-200 bg-white px-5">
        <Logo />
        <span className="text-base font-semibold text-slate-900">Interflow</span>
        <span className="flex-1" />
        <AccountMenu />
      </header>
      <main className="min-h-0 flex-1 overflow-y-auto">
        <div className="mx-auto max-w-2xl space-y-6 px-5 py-8">
          <Link href="/" className="inline-flex items-center gap-1.5 text-sm font-medium text-brand-700 hover:underline">
            <ArrowLeft size={15} aria-hidden /> Your flows
          </Link>
          <h1 className="text-xl font-semibold text-slate-900">Account settings</h1>
          <Section title="Profile">
            <Profile />
          </Section>
          <Section title="Password" note="A new password signs you out everywhere else. API keys stay.">
            <Password />
          </Section>
          <Section title="Where you are signed in">
            <Sessions />
          </Section>
          <Section title="API keys" note="With a key a program acts for you, within what the key is for.">
            <Keys />
          </Section>
        </div>
      </main>
    </div>
  );
}

function Section({ title, note, children }: { title: string; note?: string; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="rounded-2xl border border-slate-200 bg-white p-5">
      <h2 id={id} className="text-base font-semibold text-slate-900">
        {title}
      </h2>
      {note && <p className="mt-1 text-sm text-slate-600">{note}</p>}
      <div className="mt-4">{children}</div>
    </section>
  );
}
