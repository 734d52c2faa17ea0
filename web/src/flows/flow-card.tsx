import { Download, MoreHorizontal, Pencil, Trash2 } from 'lucide-react';
import { Link } from 'wouter';

import * as api from '../api/flows';
import { mayEdit, type Flow } from '../api/types';
import { IconButton } from '../ui/button';
import { download, fileName } from '../ui/download';
import { Menu, MenuItem } from '../ui/menu';
import { useFlowChange } from './queries';

interface FlowCardProps {
  flow: Flow;
  onRename: () => void;
  onDelete: () => void;
}

export function FlowCard({ flow, onRename, onDelete }: FlowCardProps) {
  const save = useFlowChange(async () => {
    download(fileName(flow.name), `${JSON.stringify(await api.exportFlow(flow.id), null, 2)}\n`);
  });
  const name = flow.name || 'Untitled flow';
  return (
    <li className="group relative flex min-h-32 flex-col rounded-2xl border border-slate-200 bg-white p-4 shadow-sm transition-shadow hover:shadow-md">
      <div className="flex items-start gap-2">
        <Link href={`/flows/${flow.id}`} className="line-clamp-2 min-w-0 flex-1 font-medium break-words text-slate-900 after:absolute after:inset-0 after:rounded-2xl">
          {name}
        </Link>
        <div className="relative z-10 -mt-1 -mr-1">
          <Menu
            trigger={
              <IconButton label={`More about ${name}`}>
                <MoreHorizontal size={17} aria-hidden />
              </IconButton>
            }
          >
            {mayEdit(flow.role) && (
              <MenuItem onSelect={onRename}>
                <Pencil size={15} aria-hidden /> Rename
              </MenuItem>
            )}
            <MenuItem onSelect={() => save.mutate(undefined)}>
              <Download size={15} aria-hidden /> Export as JSON
            </MenuItem>
            {flow.role === 'owner' && (
              <MenuItem danger onSelect={onDelete}>
                <Trash2 size={15} aria-hidden /> Delete
              </MenuItem>
            )}
          </Menu>
        </div>
      </div>
      <p className="mt-1 line-clamp-2 flex-1 text-sm text-slate-600">{flow.description}</p>
      <p className="mt-3 flex items-center gap-2 text-xs text-slate-500">
        <time dateTime={flow.updatedAt}>Changed {when(flow.updatedAt)}</time>
        {flow.role !== 'owner' && <span className="rounded-full bg-slate-100 px-2 py-0.5 capitalize">{flow.role}</span>}
        {save.isError && <span className="text-red-700">Could not be exported</span>}
      </p>
    </li>
  );
}

function when(time: string): string {
  const date = new Date(time);
  const today = new Date().toDateString() === date.toDateString();
  return new Intl.DateTimeFormat(undefined, today ? { timeStyle: 'short' } : { dateStyle: 'medium' }).format(date);
}
