import { Plus, ServerOff, Upload, UserPlus, Workflow } from 'lucide-react';
import { useRef, useState } from 'react';
import { useLocation } from 'wouter';

import { AccountMenu } from '../account/account-menu';
import * as api from '../api/flows';
import { explain } from '../api/http';
import type { Flow } from '../api/types';
import { Button } from '../ui/button';
import { Logo } from '../ui/logo';
import { Loading, Notice, Problem } from '../ui/notice';
import { CreateDialog } from './create-dialog';
import { DeleteDialog } from './delete-dialog';
import { FlowCard } from './flow-card';
import { InviteDialog } from './invite-dialog';
import { useFlowChange, useFlowList } from './queries';
import { RenameDialog } from './rename-dialog';

type Open = { kind: 'create' | 'invite' } | { kind: 'rename' | 'delete'; flow: Flow } | null;

export function FlowList() {
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  return (
    <div className="flex h-full flex-col">
      <header className="flex h-14 shrink-0 items-center gap-3 border-b border-slate-200 bg-white px-5">
        <Logo />
        <span className="text-base font-semibold text-slate-900">Interflow</span>
        <span className="flex-1" />
        <Button look="quiet" onClick={() => setOpen({ kind: 'invite' })}>
          <UserPlus size={15} aria-hidden /> Invite people
        </Button>
        <AccountMenu />
      </header>
      <main className="min-h-0 flex-1 overflow-y-auto">
        <div className="mx-auto max-w-5xl px-5 py-8">
          <Heading onCreate={() => setOpen({ kind: 'create' })} />
          <Flows onOpen={setOpen} />
        </div>
      </main>
      <InviteDialog open={open?.kind === 'invite'} onClose={close} />
      <CreateDialog open={open?.kind === 'create'} onClose={close} />
      {open?.kind === 'rename' && <RenameDialog flow={open.flow} onClose={close} />}
      {open?.kind === 'delete' && <DeleteDialog flow={open.flow} onClose={close} />}
    </div>
  );
}

function Heading({ onCreate }: { onCreate: () => void }) {
  const file = useRef<HTMLInputElement>(null);
  const [, navigate] = useLocation();
  const bring = useFlowChange(async (from: File) => {
    const flow = await api.createFlow({ flow: await parsed(from) });
    navigate(`/flows/${flow.id}`);
  });
  return (
    <>
      <div className="mb-6 flex flex-wrap items-center gap-2">
        <h1 className="flex-1 text-xl font-semibold text-slate-900">Your flows</h1>
        <input
          ref={file}
          type="file"
          accept="application/json,.json"
          aria-label="Flow to import"
          className="hidden"
          onChange={(event) => {
            const [chosen] = event.target.files ?? [];
            if (chosen) bring.mutate(chosen);
            event.target.value = '';
          }}
        />
        <Button onClick={() => file.current?.click()} disabled={bring.isPending}>
          <Upload size={15} aria-hidden /> Import
        </Button>
        <Button look="primary" onClick={onCreate}>
          <Plus size={16} aria-hidden /> New flow
        </Button>
      </div>
      {bring.error && (
        <div className="mb-4">
          <Problem>{bring.error instanceof NoJson ? bring.error.message : explain(bring.error)}</Problem>
        </div>
      )}
    </>
  );
}

class NoJson extends Error {}

async function parsed(file: File): Promise<unknown> {
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new NoJson(`${file.name} is not a JSON file.`);
  }
}

function Flows({ onOpen }: { onOpen: (open: Open) => void }) {
  const list = useFlowList();
  if (list.isPending) return <Loading what="your flows" />;
  const flows = list.data?.pages.flatMap((page) => page.items) ?? [];
  if (list.isError && flows.length === 0) {
    return (
      <Notice
        icon={<ServerOff size={40} strokeWidth={1.5} aria-hidden />}
        title="Your flows could not be loaded"
        actions={<Button look="primary" onClick={() => void list.refetch()}>Try again</Button>}
      >
        {explain(list.error)}
      </Notice>
    );
  }
  if (flows.length === 0) {
    return (
      <div className="rounded-2xl border border-dashed border-slate-300 bg-white">
        <Notice
          icon={<Workflow size={40} strokeWidth={1.5} aria-hidden />}
          title="No flows yet"
          actions={<Button look="primary" onClick={() => onOpen({ kind: 'create' })}>Create your first flow</Button>}
        >
          A flow is a chatbot or an automation that you draw together. Start with an empty canvas or with a sample.
        </Notice>
      </div>
    );
  }
  return (
    <>
      <ul className="grid grid-cols-1 gap-4 sm:grid-cols-2 lg:grid-cols-3" aria-label="Flows">
        {flows.map((flow) => (
          <FlowCard
            key={flow.id}
            flow={flow}
            onRename={() => onOpen({ kind: 'rename', flow })}
            onDelete={() => onOpen({ kind: 'delete', flow })}
          />
        ))}
      </ul>
      {list.hasNextPage && (
        <div className="mt-6 flex justify-center">
          <Button onClick={() => void list.fetchNextPage()} disabled={list.isFetchingNextPage}>
            {list.isFetchingNextPage ? 'Loading…' : 'Show more'}
          </Button>
        </div>
      )}
    </>
  );
}
