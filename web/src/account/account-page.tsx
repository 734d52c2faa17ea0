import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';

import { ApiError, explain } from '../api/http';
import { Button } from '../ui/button';
import { Input, Labelled } from '../ui/input';
import { Logo } from '../ui/logo';
import { Problem } from '../ui/notice';
import { register, signIn } from './session';

/** Signing in, and registering. The address stays, so that one lands where one wanted to go. */
export function AccountPage() {
  const [path, navigate] = useLocation();
  const registering = path === '/register';
  return (
    <AccountCard
      registering={registering}
      onEntered={() => registering && navigate('/')}
      other={
        <Link href={registering ? '/' : '/register'} className={LINK}>
          {registering ? 'Sign in' : 'Create an account'}
        </Link>
      }
    />
  );
}

/** The same on a page that goes on once somebody is signed in, and says before what with. */
export function AccountStep({ intro, note }: { intro?: ReactNode; note?: ReactNode }) {
  const [registering, setRegistering] = useState(false);
  return (
    <AccountCard
      registering={registering}
      intro={intro}
      note={note}
      other={
        <button type="button" className={LINK} onClick={() => setRegistering(!registering)}>
          {registering ? 'Sign in' : 'Create an account'}
        </button>
      }
    />
  );
}

const LINK = 'font-medium text-brand-700 hover:underline';

interface AccountCardProps {
  registering: boolean;
  /** Leads from signing in to registering, and back. */
  other: ReactNode;
  intro?: ReactNode;
  note?: ReactNode;
  onEntered?: (() => void) | undefined;
}

function AccountCard({ registering, other, intro, note, onEntered }: AccountCardProps) {
  return (
    <main className="flex min-h-full flex-col items-center justify-center px-4 py-10">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-3 text-center">
          <Logo size={44} />
          {intro}
          <h1 className="text-xl font-semibold text-slate-900">{registering ? 'Create your account' : 'Sign in to Interflow'}</h1>
        </div>
        <div className="rounded-2xl border border-slate-200 bg-white p-6 shadow-sm">
          <AccountForm key={String(registering)} registering={registering} onEntered={onEntered} />
        </div>
        <p className="mt-4 text-center text-sm text-slate-600">
          {registering ? 'You have an account already? ' : 'You are new here? '}
          {other}
        </p>
        {note && <div className="mt-2 text-center">{note}</div>}
      </div>
    </main>
  );
}

function AccountForm({ registering, onEntered }: { registering: boolean; onEntered: (() => void) | undefined }) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const enter = useMutation({
    mutationFn: () => (registering ? register({ name, email, password }) : signIn({ email, password })),
    onSuccess: onEntered,
  });
  const field = enter.error instanceof ApiError ? enter.error.field : undefined;
  const errorOf = (of: string) => (field === of && enter.error ? explain(enter.error) : undefined);
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        enter.mutate();
      }}
    >
      {registering && (
        <Labelled label="Name" error={errorOf('name')}>
          {(props) => <Input {...props} value={name} onChange={(event) => setName(event.target.value)} autoComplete="name" required autoFocus />}
        </Labelled>
      )}
      <Labelled label="E-mail" error={errorOf('email')}>
        {(props) => <Input {...props} type="email" value={email} onChange={(event) => setEmail(event.target.value)} autoComplete="email" required autoFocus={!registering} />}
      </Labelled>
      <Labelled label="Password" error={errorOf('password')}>
        {(props) => (
          <Input
            {...props}
            type="password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            autoComplete={registering ? 'new-password' : 'current-password'}
            required
          />
        )}
      </Labelled>
      {enter.error && field === undefined && <Problem>{explain(enter.error)}</Problem>}
      <Button type="submit" look="primary" className="w-full" disabled={enter.isPending}>
        {enter.isPending ? 'One moment…' : registering ? 'Create account' : 'Sign in'}
      </Button>
    </form>
  );
}
