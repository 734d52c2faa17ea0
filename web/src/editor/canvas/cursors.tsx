import { useStore, ViewportPortal } from '@xyflow/react';
import { memo } from 'react';

import type { Peer } from '../../collab/presence';
import { usePeers } from '../../collab/use-flow-session';

const zoomOf = (state: { transform: [number, number, number] }) => state.transform[2];
const all = (peers: readonly Peer[]) => peers;

/** Where others point: in flow coordinates, in the same size at every zoom. */
export function Cursors() {
  const peers = usePeers(all);
  const zoom = useStore(zoomOf);
  return (
    <ViewportPortal>
      {peers.map(({ clientId, cursor, user }) =>
        cursor && <Cursor key={clientId} x={cursor.x} y={cursor.y} zoom={zoom} name={user.name} color={user.color} />,
      )}
    </ViewportPortal>
  );
}

interface CursorProps {
  x: number;
  y: number;
  zoom: number;
  name: string;
  color: string;
}

const Cursor = memo(function Cursor({ x, y, zoom, name, color }: CursorProps) {
  return (
    <div
      data-testid="cursor"
      className="pointer-events-none absolute top-0 left-0 z-[2000] origin-top-left transition-transform duration-75 ease-linear"
      style={{ transform: `translate(${x}px, ${y}px) scale(${1 / zoom})` }}
    >
      <svg width="16" height="18" viewBox="0 0 16 18" aria-hidden>
        <path d="M1 1l5.2 14.6 2.3-6 6-2.1z" fill={color} stroke="#fff" strokeWidth="1.2" strokeLinejoin="round" />
      </svg>
      <span className="ml-3 block max-w-40 truncate rounded-md px-1.5 py-0.5 text-xs font-medium whitespace-nowrap text-white" style={{ backgroundColor: color }}>
        {name}
      </span>
    </div>
  );
});
