import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { Route, Switch } from 'wouter';

import { AccountPage } from './account/account-page';
import { JoinPage } from './account/join-page';
import { useAccount } from './account/use-account';
import { ApiError } from './api/http';
import { FlowList } from './flows/flow-list';
import { ErrorBoundary } from './ui/error-boundary';
import { NotFound } from './ui/not-found';
import { Loading } from './ui/notice';

const SettingsPage = lazy(() => import('./account/settings/settings-page'));
const FlowPage = lazy(() => import('./editor/flow-page'));

const queries = new QueryClient({
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
      <QueryClientProvider client={queries}>
        <Pages />
      </QueryClientProvider>
    </ErrorBoundary>
  );
}

function Pages() {
  const account = useAccount();
  if (account.kind === 'unknown') return <Loading what="Interflow" />;
  const user = account.kind === 'signed-in' ? account.user : null;
  return (
    // Nothing of one person is left when another signs in.
    <Suspense fallback={<Loading what="the editor" />} key={user?.id ?? 'nobody'}>
      <Switch>
        {/* With a link these say something to people without an account, too. */}
        <Route path="/flows/:id">{({ id }) => <FlowPage key={id} flowId={id} user={user} />}</Route>
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
  );
}
