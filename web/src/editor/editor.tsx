import { ReactFlowProvider } from '@xyflow/react';
import { lazy, Suspense, useEffect, useState } from 'react';

import type { Flow } from '../api/types';
import { useFlowView } from '../collab/use-flow-session';
import { Canvas } from './canvas/canvas';
import { CanvasContext, createCanvasStore } from './canvas/canvas-store';
import { useEditable } from './editable';
import { Keyboard } from './keyboard';
import { Palette } from './palette';
import { Panel } from './panels/panel';
import { GrowthBanner } from './growth-banner';
import { RefusalBanner } from './refusal-banner';
import { TopBar } from './top-bar';

const TryPanel = lazy(() => import('./try-panel'));

export function Editor({ flow }: { flow: Flow }) {
  const [store] = useState(createCanvasStore);
  const editable = useEditable();
  const [trying, setTrying] = useState(false);
  const name = useFlowView((view) => view.meta.name) || flow.name;
  useEffect(() => {
    document.title = `${name || 'Untitled flow'} · Interflow`;
    return () => {
      document.title = 'Interflow';
    };
  }, [name]);
  return (
    <ReactFlowProvider>
      <CanvasContext value={store}>
        <div className="flex h-full flex-col">
          <TopBar flow={flow} name={name} onTry={() => setTrying(true)} />
          <RefusalBanner flow={flow} />
          <GrowthBanner />
          <main className="flex min-h-0 flex-1">
            {editable && <Palette />}
            <div className="relative flex min-w-0 flex-1">
              <Canvas />
              <Suspense>{trying && <TryPanel flowId={flow.id} onClose={() => setTrying(false)} />}</Suspense>
            </div>
            <Panel />
          </main>
        </div>
        <Keyboard />
      </CanvasContext>
    </ReactFlowProvider>
  );
}
