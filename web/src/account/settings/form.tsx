import type { UseMutationResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { ApiError, explain } from '../../api/http';
import { Button } from '../../ui/button';
import { Problem } from '../../ui/notice';

/** What is wrong with one field, said beside it. */
export function errorOf(error: Error | null, field: string): string | undefined {
  if (!(error instanceof ApiError) || error.field !== field) return undefined;
  // Whoever reads it beside the field need not be told which one it is.
  return explain(new ApiError(error.status, error.code, error.message.replace(`${field}: `, ''), field));
}

interface FormProps {
  change: UseMutationResult<unknown, Error, void>;
  /** The fields that say themselves what is wrong with them. */
  fields: string[];
  action: string;
  done: string;
  children: ReactNode;
}

/** A form that makes one change, and says what became of it. */
export function Form({ change, fields, action, done, children }: FormProps) {
  const { error } = change;
  const isBeside = error instanceof ApiError && error.field !== undefined && fields.includes(error.field);
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      {children}
      {error && !isBeside && <Problem>{explain(error)}</Problem>}
      <div className="flex items-center gap-3">
        <Button type="submit" look="primary" disabled={change.isPending}>
          {change.isPending ? 'One moment…' : action}
        </Button>
        <p role="status" className="text-sm text-slate-600">
          {change.isSuccess ? done : ''}
        </p>
      </div>
    </form>
  );
}
