import * as api from '../api/flows';
import { explain } from '../api/http';
import type { Flow } from '../api/types';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Problem } from '../ui/notice';
import { useFlowChange } from './queries';

export function DeleteDialog({ flow, onClose }: { flow: Flow; onClose: () => void }) {
  const remove = useFlowChange(async () => {
    await api.deleteFlow(flow.id);
    onClose();
  });
  return (
    <Dialog title={`Delete “${flow.name || 'Untitled flow'}”?`} description="Nobody will be able to open it any more." open onClose={onClose}>
      {remove.error && <Problem>{explain(remove.error)}</Problem>}
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onClose}>Keep it</Button>
        <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate(undefined)}>
          Delete
        </Button>
      </div>
    </Dialog>
  );
}
