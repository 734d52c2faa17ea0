import { useId, type ReactNode } from 'react';

import type { Peer } from '../../collab/presence';
import { usePeers, useSession } from '../../collab/use-flow-session';

interface ControlProps {
  id: string;
}

interface FieldRowProps {
  label: string;
  doc?: string;
  required?: boolean;
  /** Names the field to others while it is edited here: node id and path, joined by `/`. */
  name: string;
  children: (props: ControlProps) => ReactNode;
}

/** One field with its label, and who else is in it. */
export function FieldRow({ label, doc, required, name, children }: FieldRowProps) {
  const id = useId();
  const { presence } = useSession();
  const other = usePeers((peers) => inField(peers, name)?.user.name ?? null);
  const color = usePeers((peers) => inField(peers, name)?.user.color ?? '');
  return (
    <div onFocus={() => presence.show({ field: name })} onBlur={() => presence.show({ field: null })}>
      <div className="mb-1 flex items-baseline gap-2">
        <label htmlFor={id} title={doc} className="min-w-0 flex-1 truncate text-xs font-medium text-slate-700">
          {label}
          {required && <span className="text-slate-400"> *</span>}
        </label>
        {other !== null && (
          <span className="max-w-28 truncate rounded px-1 text-xs text-white" style={{ backgroundColor: color }}>
            {other}
          </span>
        )}
      </div>
      {children({ id })}
    </div>
  );
}

function inField(peers: readonly Peer[], name: string): Peer | undefined {
  return peers.find((peer) => peer.field === name);
}
