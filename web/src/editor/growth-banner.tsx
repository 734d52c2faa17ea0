import { Gauge } from 'lucide-react';

import { useGrowth } from '../collab/use-flow-session';

/** From here on, in percent, people are told; the server speaks up at the same point. */
const NEAR_PERCENT = 80;

const readable = (bytes: number) =>
  bytes < 2 ** 20 ? `${Math.round(bytes / 2 ** 10)} kB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;

/** Says that the flow nears its size limit, while there is still room to act. */
export function GrowthBanner() {
  const growth = useGrowth();
  if (!growth) return null;
  const percent = Math.floor((growth.bytes * 100) / growth.bytesMax);
  if (percent < NEAR_PERCENT) return null;
  return (
    <section aria-label="Size of the flow" aria-live="polite" className="flex shrink-0 items-center gap-x-4 border-b border-amber-200 bg-amber-50 px-4 py-2">
      <Gauge size={20} className="shrink-0 text-amber-700" aria-hidden />
      <p className="flex-1 text-sm text-amber-900">
        <span className="font-semibold">This flow is {percent} % full.</span>{' '}
        It has {readable(growth.bytes)} of {readable(growth.bytesMax)}. When it is full, changes are refused: delete what is no longer needed, or move parts into another flow.
      </p>
    </section>
  );
}
