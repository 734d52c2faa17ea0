import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { useUser } from '../account/use-account';
import { getFlow } from '../api/flows';
import { ApiError } from '../api/http';
import type { Flow } from '../api/types';
import { keptFlow, storeName } from '../collab/offline-store';

/** Roles change while a flow is open; the socket does not say so to those who gain. */
const ASK_MS = 10_000;

export type FlowAnswer =
  | { kind: 'loading' }
  | { kind: 'unreachable'; retry: () => void }
  | { kind: 'not-found' }
  /** `fresh` if the server said so on this page, else as this device last knew it. */
  | { kind: 'known'; flow: Flow; fresh: boolean };

export const flowKey = (id: string) => ['flow', id];

/** What the server says about a flow, or said when it was last asked from here. */
export function useFlow(id: string): FlowAnswer {
  const query = useQuery({ queryKey: flowKey(id), queryFn: () => getFlow(id), refetchInterval: ASK_MS, staleTime: 0 });
  const kept = useKeptFlow(id);
  if (query.data) return { kind: 'known', flow: query.data, fresh: true };
  if (kept === undefined) return { kind: 'loading' };
  if (kept !== null && query.isError) return { kind: 'known', flow: kept, fresh: false };
  if (query.error instanceof ApiError && [403, 404].includes(query.error.status)) return { kind: 'not-found' };
  if (query.isError) return { kind: 'unreachable', retry: () => void query.refetch() };
  return { kind: 'loading' };
}

/** Undefined while this device is asked, null if it keeps nothing. */
function useKeptFlow(id: string): Flow | null | undefined {
  const user = useUser();
  const [kept, setKept] = useState<Flow | null | undefined>(undefined);
  useEffect(() => {
    let over = false;
    keptFlow(storeName(user.id, id))
      .then((flow) => !over && setKept(isFlow(flow) ? flow : null))
      .catch((error: unknown) => {
        console.warn('could not read the copy on this device', error);
        if (!over) setKept(null);
      });
    return () => {
      over = true;
    };
  }, [id, user.id]);
  return kept;
}

function isFlow(value: unknown): value is Flow {
  return typeof value === 'object' && value !== null && 'id' in value && 'role' in value;
}
