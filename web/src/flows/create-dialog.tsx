import { useState } from 'react';
import { useLocation } from 'wouter';

import * as api from '../api/flows';
import { explain } from '../api/http';
import type { Sample } from '../api/types';
import { Button } from '../ui/button';
import { cx } from '../ui/class-names';
import { Dialog } from '../ui/dialog';
import { Input, Labelled } from '../ui/input';
import { Problem } from '../ui/notice';
import { useFlowChange, useSamples } from './queries';

export function CreateDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog title="New flow" open={open} onClose={onClose}>
      <CreateForm />
    </Dialog>
  );
}

function CreateForm() {
  const samples = useSamples();
  const [sample, setSample] = useState<Sample['id'] | null>(null);
  const [name, setName] = useState('');
  const [, navigate] = useLocation();
  const create = useFlowChange(async (from: api.NewFlow) => navigate(`/flows/${(await api.createFlow(from)).id}`));
  const choices = [{ id: null, name: 'Empty canvas', description: 'Start from nothing.' }, ...(samples.data ?? [])];
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        const title = name.trim();
        create.mutate({ ...(title && { name: title }), ...(sample !== null && { sample }) });
      }}
    >
      <Labelled label="Name">
        {(props) => (
          <Input {...props} value={name} maxLength={200} placeholder={choices.find(({ id }) => id === sample && id !== null)?.name ?? 'Untitled flow'} onChange={(event) => setName(event.target.value)} />
        )}
      </Labelled>
      <fieldset className="space-y-2">
        <legend className="mb-1 text-sm font-medium text-slate-700">Start from</legend>
        {choices.map((choice) => (
          <label
            key={choice.id ?? ''}
            className={cx('flex items-start gap-3 rounded-xl border p-3', choice.id === sample ? 'border-brand-500 bg-brand-50' : 'border-slate-200 hover:bg-slate-50')}
          >
            <input type="radio" name="sample" className="mt-1 accent-brand-600" checked={choice.id === sample} onChange={() => setSample(choice.id)} />
            <span className="min-w-0">
              <span className="block text-sm font-medium text-slate-900">{choice.name}</span>
              <span className="block text-sm text-slate-600">{choice.description}</span>
            </span>
          </label>
        ))}
        {samples.isError && <Problem>The samples could not be loaded.</Problem>}
      </fieldset>
      {create.error && <Problem>{explain(create.error)}</Problem>}
      <div className="flex justify-end">
        <Button type="submit" look="primary" disabled={create.isPending}>
          {create.isPending ? 'Creating…' : 'Create flow'}
        </Button>
      </div>
    </form>
  );
}
