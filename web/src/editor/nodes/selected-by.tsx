import type { Peer } from '../../collab/presence';
import { usePeers } from '../../collab/use-flow-session';

const selections = new WeakMap<readonly Peer[], Map<string, Peer>>();

/** Who selected what; worked out once for each change of presence. */
function selectionsOf(peers: readonly Peer[]): Map<string, Peer> {
  let by = selections.get(peers);
  if (!by) {
    by = new Map(peers.flatMap((peer) => peer.selection.map((id): [string, Peer] => [id, peer])));
    selections.set(peers, by);
  }
  return by;
}

/** A rim and a name around what somebody else has selected. */
export function SelectedBy({ id }: { id: string }) {
  // Two texts, because they stay the same while the peer's cursor moves.
  const name = usePeers((peers) => selectionsOf(peers).get(id)?.user.name ?? null);
  const color = usePeers((peers) => selectionsOf(peers).get(id)?.user.color ?? '');
  if (name === null) return null;
  return (
    <span data-testid="selected-by" className="pointer-events-none absolute -inset-1 rounded-[14px] border-2" style={{ borderColor: color }}>
      <span className="absolute -top-5 left-2 max-w-40 truncate rounded-t-md px-1.5 text-xs leading-5 font-medium text-white" style={{ backgroundColor: color }}>
        {name}
      </span>
    </span>
  );
}
