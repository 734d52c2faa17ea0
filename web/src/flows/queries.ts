import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import * as flows from '../api/flows';

const LIST = ['flows'];

export function useFlowList() {
  return useInfiniteQuery({
    queryKey: LIST,
    queryFn: ({ pageParam }) => flows.listFlows(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor,
  });
}

export function useSamples() {
  return useQuery({ queryKey: ['samples'], queryFn: flows.listSamples, staleTime: Infinity });
}

/** Something that changes the list, which is read anew after it. */
export function useFlowChange<Input, Output>(change: (input: Input) => Promise<Output>) {
  const queries = useQueryClient();
  return useMutation({ mutationFn: change, onSuccess: () => queries.invalidateQueries({ queryKey: LIST }) });
}
