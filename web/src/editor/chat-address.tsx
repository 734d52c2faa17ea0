import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { changeSlug } from '../api/flows';
import { ApiError, explain } from '../api/http';
import type { Flow } from '../api/types';
import { slugOf, slugProblem } from '../model/slug';
import { Button } from '../ui/button';
import { Input, Labelled } from '../ui/input';

/** What the flow is called in the address of its chat. */
export function ChatAddress({ flow }: { flow: Flow }) {
  const [typed, setTyped] = useState<string | null>(null);
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (slug: string | null) => changeSlug(flow.id, slug),
    onSuccess: () => setTyped(null),
    onSettled: () => queries.invalidateQueries({ queryKey: ['flow'] }),
  });
  // What is there, or what the name suggests, until something else is typed.
  const slug = typed ?? flow.slug ?? slugOf(flow.name);
  const isNew = slug !== (flow.slug ?? null);
  const wrong = typed !== null && typed !== '' ? slugProblem(typed) : null;
  const error = wrong ?? (change.error ? problem(change.error) : undefined);
  return (
    <form
      className="space-y-1"
      onSubmit={(event) => {
        event.preventDefault();
        if (slugProblem(slug) === null) change.mutate(slug);
      }}
    >
      <Labelled label="Address of the chat" error={error}>
        {(props) => (
          <div className="flex flex-wrap items-center gap-2">
            <span className="text-sm text-slate-500">{location.host}/c/</span>
            <Input
              {...props}
              value={slug}
              placeholder={flow.id}
              autoCapitalize="none"
              spellCheck={false}
              className="min-w-32 flex-1 font-mono"
              onChange={(event) => {
                change.reset();
                setTyped(event.target.value);
              }}
            />
            <Button type="submit" disabled={change.isPending || !isNew || slugProblem(slug) !== null}>
              Use this
            </Button>
            {flow.slug !== undefined && (
              <Button disabled={change.isPending} onClick={() => change.mutate(null)}>
                Use the id
              </Button>
            )}
          </div>
        )}
      </Labelled>
      <p className="text-xs text-slate-500">Links that were given out with another address stop working when it changes; those with the id go on.</p>
    </form>
  );
}

function problem(error: unknown): string {
  if (!(error instanceof ApiError)) return explain(error);
  if (error.code === 'slug_taken') return 'Another flow has this address. Choose another.';
  if (error.code === 'forbidden') return 'You may not change the address: only editors may.';
  return error.field === 'slug' ? `This address ${error.message.replace(/^slug: /, '')}.` : explain(error);
}
