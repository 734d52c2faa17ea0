//! Whose call is made next.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use flow_base::WorkspaceId;
use tokio::sync::oneshot;

/// Permits to make calls: so many at a time, so many of one workspace among them. Workspaces
/// whose calls wait are given them one after the other, whoever has more of them. Within a workspace
/// who came first goes first. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Permits {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    most: usize,
    most_of_one: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    workspaces: HashMap<WorkspaceId, Of>,
    /// Those that have calls waiting and may have one more, each once, in the order in which they
    /// get one.
    next: VecDeque<WorkspaceId>,
}

#[derive(Debug, Default)]
struct Of {
    taken: usize,
    waiting: VecDeque<oneshot::Sender<Permit>>,
    is_next: bool,
}

/// The right to make one call, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Permits,
    workspace: WorkspaceId,
}

impl Permits {
    /// Neither is 0.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        let state = Mutex::default();
        Self { inner: Arc::new(Inner { most: most.max(1), most_of_one: most_of_one.max(1), state }) }
    }

    /// Waits until it is the workspace's turn. Cancel safe: a permit that nobody takes goes to the next.
    pub(super) async fn take(&self, workspace: WorkspaceId) -> Permit {
        let (giving, given) = oneshot::channel();
        {
            let mut state = self.state();
            state.workspaces.entry(workspace).or_default().waiting.push_back(giving);
            state.queue(workspace, self.inner.most_of_one);
        }
        self.give();
        given.await.expect("whoever waits is in the queue until the permit is given")
    }

    /// Gives what permits there are. Not under the lock: a permit that nobody takes any more is
    /// dropped here, and comes back.
    fn give(&self) {
        loop {
            let Some((waiting, workspace)) = self.state().next(&self.inner) else { return };
            drop(waiting.send(Permit { permits: self.clone(), workspace }));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().expect("nothing panics while it holds this lock")
    }
}

impl State {
    /// Who comes next, and now has a permit.
    fn next(&mut self, inner: &Inner) -> Option<(oneshot::Sender<Permit>, WorkspaceId)> {
        while self.taken < inner.most {
            let workspace = self.next.pop_front()?;
            let of = self.workspaces.get_mut(&workspace).expect("it has calls waiting");
            of.is_next = false;
            let waiting = loop {
                match of.waiting.pop_front() {
                    // Nobody waits any more.
                    Some(waiting) if waiting.is_closed() => {}
                    other => break other,
                }
            };
            of.taken += usize::from(waiting.is_some());
            self.queue(workspace, inner.most_of_one);
            if let Some(waiting) = waiting {
                self.taken += 1;
                return Some((waiting, workspace));
            }
            self.forget_idle(workspace);
        }
        None
    }

    /// To the end of the line, if it has something to wait for and is not in it.
    fn queue(&mut self, workspace: WorkspaceId, most_of_one: usize) {
        let Some(of) = self.workspaces.get_mut(&workspace) else { return };
        if !of.is_next && !of.waiting.is_empty() && of.taken < most_of_one {
            of.is_next = true;
            self.next.push_back(workspace);
        }
    }

    fn forget_idle(&mut self, workspace: WorkspaceId) {
        let is_idle = |of: &Of| of.taken == 0 && of.waiting.is_empty();
        if self.workspaces.get(&workspace).is_some_and(is_idle) {
            self.workspaces.remove(&workspace);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.permits.state();
            state.taken -= 1;
            if let Some(of) = state.workspaces.get_mut(&self.workspace) {
                of.taken -= 1;
            }
            state.queue(self.workspace, self.permits.inner.most_of_one);
            state.forget_idle(self.workspace);
        }
        self.permits.give();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'a> = Pin<Box<dyn Future<Output = Permit> + 'a>>;

    fn workspaces<const N: usize>() -> [WorkspaceId; N] {
        std::array::from_fn(|_| WorkspaceId::generate())
    }

    /// In the line from now on.
    fn waiting(permits: &Permits, workspace: WorkspaceId) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(permits.take(workspace));
        assert!(poll(&mut waiting).is_none(), "there is no permit for it");
        waiting
    }

    fn poll(waiting: &mut Waiting<'_>) -> Option<Permit> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    fn taken(permits: &Permits, workspace: WorkspaceId) -> Permit {
        let taking = pin!(permits.take(workspace));
        match taking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => permit,
            Poll::Pending => panic!("there is a permit for it"),
        }
    }

    #[test]
    fn one_workspace_leaves_permits_to_the_others() {
        let permits = Permits::new(4, 3);
        let [a, b] = workspaces();
        let held: Vec<_> = (0..3).map(|_| taken(&permits, a)).collect();
        let mut more = waiting(&permits, a);
        let others = taken(&permits, b);
        drop(others);
        assert!(poll(&mut more).is_none(), "it has as many as it may");
        drop(held);
        assert!(poll(&mut more).is_some());
    }

    /// A workspace with one call waits for one of each other's at most, not for all of them.
    #[test]
    fn workspaces_come_one_after_the_other_and_their_calls_in_order() {
        let permits = Permits::new(1, 1);
        let [a, b, c] = workspaces();
        let mut now = taken(&permits, a);
        let mut line: Vec<_> = [a, a, a, b, b, c].iter().map(|of| (*of, waiting(&permits, *of))).collect();
        let mut order = Vec::new();
        while !line.is_empty() {
            drop(now);
            let mut ready =
                line.iter_mut().enumerate().filter_map(|(at, (_, waiting))| Some((at, poll(waiting)?)));
            let (at, permit) = ready.next().expect("somebody is next");
            assert!(ready.next().is_none(), "one at a time");
            order.push(line.remove(at).0);
            now = permit;
        }
        assert_eq!(order, [b, c, a, b, a, a]);
    }

    #[test]
    fn a_turn_that_nobody_takes_any_more_goes_to_the_next() {
        let permits = Permits::new(1, 1);
        let [a, b, c] = workspaces();
        let now = taken(&permits, a);
        let (gone, late, mut stays) = (waiting(&permits, b), waiting(&permits, b), waiting(&permits, c));
        drop(gone);
        drop(now);
        // It was given to the second of b, who goes without having looked.
        assert!(poll(&mut stays).is_none());
        drop(late);
        let permit = poll(&mut stays).expect("it is free");
        drop(permit);
        let state = permits.state();
        assert!(state.taken == 0 && state.workspaces.is_empty() && state.next.is_empty(), "{state:?}");
    }

    #[test]
    fn all_permits_are_given_out_while_somebody_waits() {
        let permits = Permits::new(3, 2);
        let [a, b] = workspaces();
        let (first, second, third) = (taken(&permits, a), taken(&permits, a), taken(&permits, b));
        let (mut of_a, mut of_b) = (waiting(&permits, a), waiting(&permits, b));
        drop(third);
        assert!(poll(&mut of_a).is_none(), "a has two");
        let of_b = poll(&mut of_b).expect("b has none");
        drop((first, second));
        let of_a = poll(&mut of_a).expect("a has none any more");
        drop((of_a, of_b));
    }
}
