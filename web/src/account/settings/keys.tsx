import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { createKey, listKeys, revokeKey } from '../../api/account';
import { explain } from '../../api/http';
import type { ApiKey, CreatedKey, Scope } from '../../api/types';
import { Button } from '../../ui/button';
import { Input, Labelled, Select } from '../../ui/input';
import { Loading, Problem } from '../../ui/notice';
import { expiresAt, LIFETIMES, SCOPES, stateOf } from './describe';
import { errorOf, Form } from './form';

const KEYS = ['keys'];

export function Keys() {
  const queries = useQueryClient();
  const [made, setMade] = useState<CreatedKey | null>(null);
  const keys = useQuery({ queryKey: KEYS, queryFn: listKeys });
  const onSettled = () => queries.invalidateQueries({ queryKey: KEYS });
  const revoke = useMutation({
    mutationFn: revokeKey,
    onSuccess: (_, id) => setMade((made) => (made?.id === id ? null : made)),
    onSettled,
  });
  return (
    <div className="space-y-4">
      {revoke.error && <Problem>{explain(revoke.error)}</Problem>}
      {keys.isPending && <Loading what="your keys" />}
      {keys.isError && <Problem>Your keys could not be loaded. {explain(keys.error)}</Problem>}
      <ul aria-label="API keys" className="divide-y divide-slate-100">
        {keys.data?.map((key) => (
          <KeyRow key={key.id} value={key} busy={revoke.isPending} onRevoke={() => revoke.mutate(key.id)} />
        ))}
      </ul>
      {made && <MadeKey made={made} />}
      <KeyForm
        onMade={(key) => {
          setMade(key);
          void onSettled();
        }}
      />
    </div>
  );
}

function KeyRow({ value, busy, onRevoke }: { value: ApiKey; busy: boolean; onRevoke: () => void }) {
  return (
    <li className="flex items-center gap-3 py-2">
      <div className="min-w-0 flex-1">
        <p className="truncate text-sm font-medium text-slate-900">{value.name}</p>
        <p className="truncate text-xs text-slate-500">
          {value.scopes.join(', ')}; {stateOf(value, new Date())}
        </p>
      </div>
      <Button aria-label={`Revoke the key ${value.name}`} disabled={busy} onClick={onRevoke}>
        Revoke
      </Button>
    </li>
  );
}

/** Shown until the page is left: nobody can show it again. */
function MadeKey({ made }: { made: CreatedKey }) {
  return (
    <div role="status" className="space-y-2 rounded-lg border border-amber-200 bg-amber-50 p-3">
      <Labelled label={`The key “${made.name}”. Copy it now: it is not shown again.`}>
        {(props) => <Input {...props} readOnly value={made.key} className="font-mono" onFocus={(event) => event.target.select()} />}
      </Labelled>
    </div>
  );
}

function KeyForm({ onMade }: { onMade: (key: CreatedKey) => void }) {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<Scope[]>(['read']);
  const [lifetime, setLifetime] = useState(1);
  const create = useMutation({
    mutationFn: () => {
      const end = expiresAt(LIFETIMES[lifetime]?.[1] ?? null, new Date());
      return createKey({ name, scopes, ...(end !== undefined && { expiresAt: end }) });
    },
    onSuccess: (key) => {
      setName('');
      onMade(key);
    },
  });
  return (
    <Form change={create} fields={['name']} action="Make a key" done="">
      <Labelled label="What it is for" error={errorOf(create.error, 'name')}>
        {(props) => <Input {...props} value={name} onChange={(event) => setName(event.target.value)} placeholder="Nightly import" required />}
      </Labelled>
      <fieldset>
        <legend className="mb-1 text-sm font-medium text-slate-700">It may</legend>
        {SCOPES.map(([scope, what]) => (
          <label key={scope} className="flex items-center gap-2 py-0.5 text-sm text-slate-700">
            <input
              type="checkbox"
              checked={scopes.includes(scope)}
              onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((other) => other !== scope))}
            />
            {what}
          </label>
        ))}
      </fieldset>
      <Labelled label="It is good for">
        {(props) => (
          <Select {...props} value={lifetime} onChange={(event) => setLifetime(Number(event.target.value))}>
            {LIFETIMES.map(([text], at) => (
              <option key={text} value={at}>
                {text}
              </option>
            ))}
          </Select>
        )}
      </Labelled>
    </Form>
  );
}
