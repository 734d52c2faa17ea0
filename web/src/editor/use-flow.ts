import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { useVisitor, type Visitor } from '../account/visitor';
import { getFlow } from '../api/flows';
import { ApiError } from '../api/http';
import { getFlowByLink } from '../api/links';
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

/** A flow is to each what their role makes of it. */
export const flowKey = (visitor: Visitor, id: string) => ['flow', visitor.id, id];

export const askFlow = (visitor: Visitor, id: string) => (visitor.kind === 'guest' ? getFlowByLink(visitor.link, id) : getFlow(id));

/** What the server says about a flow, or said when it was last asked from here. */
export function useFlow(id: string): FlowAnswer {
  const visitor = useVisitor();
  const query = useQuery({ queryKey: flowKey(visitor, id), queryFn: () => askFlow(visitor, id), refetchInterval: ASK_MS, staleTime: 0 });
  const kept = useKeptFlow(visitor.id, id);
  if (query.data) return { kind: 'known', flow: query.data, fresh: true };
  if (kept === undefined) return { kind: 'loading' };
  if (kept !== null && query.isError) return { kind: 'known', flow: kept, fresh: false };
  if (isRefused(query.error, visitor)) return { kind: 'not-found' };
  if (query.isError) return { kind: 'unreachable', retry: () => void query.refetch() };
  return { kind: 'loading' };
}

/** Whether the flow is none for this visitor. A link that is revoked or expired is answered 401. */
export function isRefused(error: unknown, visitor: Visitor): boolean {
  if (!(error instanceof ApiError)) return false;
  return [403, 404].includes(error.status) || (visitor.kind === 'guest' && error.status === 401);
}

/** Undefined while this device is asked, null if it keeps nothing. */
function useKeptFlow(visitorId: string, id: string): Flow | null | undefined {
  const [kept, setKept] = useState<Flow | null | undefined>(undefined);
  useEffect(() => {
    let over = false;
    keptFlow(storeName(visitorId, id))
      .then((flow) => !over && setKept(isFlow(flow) ? flow : null))
      .catch((error: unknown) => {
        console.warn('could not read the copy on this device', error);
        if (!over) setKept(null);
      });
    return () => {
      over = true;
    };
  }, [id, visitorId]);
  return kept;
}

function isFlow(value: unknown): value is Flow {
  return typeof value === 'object' && value !== null && 'id' in value && 'role' in value;
}
