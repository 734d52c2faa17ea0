import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { Route, Switch } from 'wouter';

import { AccountPage } from './account/account-page';
import { JoinPage } from './account/join-page';
import { useAccount } from './account/use-account';
import { ApiError } from './api/http';
import type { User } from './api/types';
import { FlowList } from './flows/flow-list';
import { ErrorBoundary } from './ui/error-boundary';
import { NotFound } from './ui/not-found';
import { Loading } from './ui/notice';

const SettingsPage = lazy(() => import('./account/settings/settings-page'));
const ChatPage = lazy(() => import('./chat/chat-page'));
const FlowPage = lazy(() => import('./editor/flow-page'));

const newQueries = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        // What the server refuses it refuses again; an outage is tried a little longer.
        retry: (failures, error) => !(error instanceof ApiError) && failures < 2,
        retryDelay: 800,
        // Offline the queries fail, and pages show what is kept here.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });

export function App() {
  return (
    <ErrorBoundary>
      <Person />
    </ErrorBoundary>
  );
}

/** Nothing of one person is left when another signs in: neither what is shown, nor what was asked. */
function Person() {
  const account = useAccount();
  if (account.kind === 'unknown') return <Loading what="Interflow" />;
  const user = account.kind === 'signed-in' ? account.user : null;
  const token = account.kind === 'signed-in' ? account.token : null;
  return <Pages key={user?.id ?? 'nobody'} user={user} token={token} />;
}

function Pages({ user, token }: { user: User | null; token: string | null }) {
  const [queries] = useState(newQueries);
  return (
    <QueryClientProvider client={queries}>
      <Suspense fallback={<Loading what="the editor" />}>
        <Switch>
          {/* With a link these say something to people without an account, too. */}
          <Route path="/flows/:id">{({ id }) => <FlowPage key={id} flowId={id} user={user} />}</Route>
          <Route path="/c/:id">{({ id }) => <ChatPage key={id} flowId={id} signIn={token} />}</Route>
          <Route path="/join">
            <JoinPage user={user} />
          </Route>
          {!user && <Route component={AccountPage} />}
          <Route path="/" component={FlowList} />
          <Route path="/account" component={SettingsPage} />
          <Route path="/register" component={FlowList} />
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </QueryClientProvider>
  );
}
