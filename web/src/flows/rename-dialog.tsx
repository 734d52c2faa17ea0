import { useState } from 'react';

import * as api from '../api/flows';
import { explain } from '../api/http';
import type { Flow } from '../api/types';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Input, Labelled } from '../ui/input';
import { useFlowChange } from './queries';

export function RenameDialog({ flow, onClose }: { flow: Flow; onClose: () => void }) {
  const [name, setName] = useState(flow.name);
  const rename = useFlowChange(async (to: string) => {
    await api.renameFlow(flow.id, to);
    onClose();
  });
  return (
    <Dialog title="Rename flow" open onClose={onClose}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          rename.mutate(name.trim());
        }}
      >
        <Labelled label="Name" error={rename.error ? explain(rename.error) : undefined}>
          {(props) => <Input {...props} value={name} maxLength={200} required onChange={(event) => setName(event.target.value)} />}
        </Labelled>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" disabled={rename.isPending || name.trim() === ''}>
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
