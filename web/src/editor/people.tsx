import { useVisitor } from '../account/visitor';
import type { Peer } from '../collab/presence';
import { usePeers } from '../collab/use-flow-session';
import { colorOf } from '../model/color';
import { Avatar } from '../ui/avatar';

const SHOWN_MAX = 4;
const all = (peers: readonly Peer[]) => peers;

/** Who is here, oneself first. A person in two tabs is one person. */
export function People() {
  const me = useVisitor();
  const peers = usePeers(all);
  const others = peopleAmong(peers, me.id);
  const rest = others.length - SHOWN_MAX;
  return (
    <ul aria-label="People here" className="flex shrink-0 gap-0.5 px-1">
      <li>
        <Avatar name={me.name || 'Guest'} color={colorOf(me.id)} title={`${me.name || 'Guest'} (you)`} />
      </li>
      {others.slice(0, SHOWN_MAX).map(({ id, name, color }) => (
        <li key={`${id} ${name}`}>
          <Avatar name={name} color={color} />
        </li>
      ))}
      {rest > 0 && (
        <li className="inline-flex size-7 items-center justify-center rounded-full bg-slate-200 text-xs font-semibold text-slate-700 ring-2 ring-white" title={others.slice(SHOWN_MAX).map(({ name }) => name).join(', ')}>
          +{rest}
        </li>
      )}
    </ul>
  );
}

/** Others, each once. Guests with one link from one network have one id, and their own names. */
export function peopleAmong(peers: readonly Peer[], own: string): Peer['user'][] {
  const others = peers.filter(({ user }) => user.id !== own);
  return [...new Map(others.map(({ user }) => [`${user.id} ${user.name}`, user])).values()];
}
