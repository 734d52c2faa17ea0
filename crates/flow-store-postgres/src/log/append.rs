//! The append: one statement, and so one round trip, for all flows of a call.
//!
//! It waits for nobody. Flows whose heads somebody else has locked (another node's append,
//! a change of access, a mending) are left out and tried again apart from the others,
//! waiting briefly, so that a flow which stays locked costs the others little.

mod statements;

use std::sync::Arc;
use std::time::Duration;

use flow_base::SeqRange;
use flow_store::{FlowBatch, StoreError};
use tokio::time::{Instant, timeout_at};

use crate::PostgresStore;
use crate::connections::Tx;
use crate::error::{Failure, Trouble};
use crate::values::length;
use statements::{Columns, Inserted, insert, lock, range, stands};

const APPEND: &str = "append to the log";

/// For all that one append does, waiting for locks and retrying its flows singly included.
const WITHIN: Duration = Duration::from_secs(10);

/// For all locks that an append waits for together. The flows that were not locked are
/// answered only afterwards, so it is short; an append or a change of access holds its
/// locks for some milliseconds. Past it the flows that are still locked fail, retryably.
const WAIT_BRIEFLY: &str = "set local statement_timeout = '500ms'";

/// What statements have otherwise.
const WAIT_AS_ALWAYS: &str = "set local statement_timeout = '8s'";

type Outcome = Result<SeqRange, Failure>;

/// Whether an append waits for heads that are locked.
#[derive(Clone, Copy)]
enum Locked {
    LeaveOut,
    WaitFor,
}

/// See [`flow_store::LogStore::append`].
pub(super) async fn append(
    store: &PostgresStore,
    batches: &[FlowBatch],
) -> Vec<Result<SeqRange, StoreError>> {
    let deadline = Instant::now() + WITHIN;
    let checks = FlowBatch::check_all(batches);
    let good: Vec<_> =
        batches.iter().zip(&checks).filter(|(_, check)| check.is_ok()).map(|(batch, _)| batch).collect();
    let mut outcomes = append_good(store, &good, deadline).await.into_iter();
    let outcome = |check: Result<(), _>| {
        check.map_err(StoreError::Conflict)?;
        let outcome = outcomes.next().expect("each good batch has an outcome");
        outcome.map_err(|failure| failure.into_error(APPEND))
    };
    checks.into_iter().map(outcome).collect()
}

/// One outcome for each batch, in their order.
async fn append_good(store: &PostgresStore, batches: &[&FlowBatch], deadline: Instant) -> Vec<Outcome> {
    let mut outcomes = append_unlocked(store, batches, deadline).await;
    let is_locked = |outcome: &Outcome| outcome.as_ref().is_err_and(Failure::is_locked);
    let locked: Vec<_> = (0..outcomes.len()).filter(|&place| is_locked(&outcomes[place])).collect();
    let again: Vec<_> = locked.iter().map(|&place| batches[place]).collect();
    for (place, outcome) in locked.into_iter().zip(append_locked(store, &again, deadline).await) {
        outcomes[place] = outcome;
    }
    outcomes
}

/// For flows that were locked a moment ago.
async fn append_locked(store: &PostgresStore, batches: &[&FlowBatch], deadline: Instant) -> Vec<Outcome> {
    if batches.is_empty() {
        return Vec::new();
    }
    match append_group(store, batches, Locked::WaitFor, deadline).await {
        Ok(outcomes) => outcomes,
        // One of them is still locked, or cannot be stored. The others may be free by now;
        // what hinders which is said by the next attempt.
        Err(failure) => match failure.beyond_the_statement() {
            None => append_unlocked(store, batches, deadline).await,
            Some(trouble) => fail_all(batches, trouble),
        },
    }
}

/// Waits for no lock: a flow that is locked fails with [`Trouble::Locked`].
async fn append_unlocked(store: &PostgresStore, batches: &[&FlowBatch], deadline: Instant) -> Vec<Outcome> {
    if batches.is_empty() {
        return Vec::new();
    }
    let failure = match append_group(store, batches, Locked::LeaveOut, deadline).await {
        Ok(outcomes) => return outcomes,
        Err(failure) => failure,
    };
    if batches.len() == 1 {
        return vec![Err(failure)];
    }
    if let Some(trouble) = failure.beyond_the_statement() {
        return fail_all(batches, trouble);
    }
    // One bad flow must not harm the others, and Postgres does not tell which it was.
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        let alone = append_group(store, std::slice::from_ref(batch), Locked::LeaveOut, deadline).await;
        outcomes.push(alone.and_then(|mut outcomes| outcomes.remove(0)));
    }
    outcomes
}

/// Appends the batches together or not at all. Unknown flows, batches that are there
/// already and, when left out, locked flows write nothing and do not hinder the others.
async fn append_group(
    store: &PostgresStore,
    batches: &[&FlowBatch],
    locked: Locked,
    deadline: Instant,
) -> Result<Vec<Outcome>, Failure> {
    let work = async {
        let columns = Columns::of(batches);
        let inserted = match locked {
            Locked::LeaveOut => insert_unlocked(store, &columns).await?,
            Locked::WaitFor => insert_locked(store, &columns).await?,
        };
        let key = |batch: &FlowBatch| (batch.flow, batch.batch);
        let others: Vec<_> =
            batches.iter().filter(|batch| !inserted.contains_key(&key(batch))).copied().collect();
        let stands = stands(store, &others).await?;
        let outcome = |batch: &&FlowBatch| {
            if let Some(first) = inserted.get(&key(batch)) {
                return Ok(range(*first, length(batch.updates.len())));
            }
            let stand = stands.get(&key(batch)).ok_or(StoreError::UnknownFlow(batch.flow))?;
            // It was left out, and has not been stored by anybody else either.
            stand.ok_or_else(|| Trouble::Locked.into())
        };
        Ok(batches.iter().map(outcome).collect())
    };
    let late = || Err(Failure::from(Trouble::Late(WITHIN)));
    let outcomes = timeout_at(deadline, work).await.unwrap_or_else(|_| late());
    outcomes.inspect_err(|failure| store.learn_from(failure))
}

async fn insert_unlocked(store: &PostgresStore, columns: &Columns<'_>) -> Result<Inserted, Failure> {
    let mut session = store.session_first().await?;
    let inserted = insert(&mut session, columns).await;
    session.settle(inserted)
}

async fn insert_locked(store: &PostgresStore, columns: &Columns<'_>) -> Result<Inserted, Failure> {
    let mut tx = store.begin_first().await?;
    let inserted = lock_and_insert(&mut tx, columns).await;
    match inserted {
        Ok(inserted) => {
            tx.commit().await?;
            Ok(inserted)
        }
        Err(failure) => {
            if failure.beyond_the_statement().is_none() {
                tx.undo().await;
            }
            Err(failure)
        }
    }
}

async fn lock_and_insert(tx: &mut Tx, columns: &Columns<'_>) -> Result<Inserted, Failure> {
    tx.simple(WAIT_BRIEFLY).await?;
    lock(tx, columns).await?;
    tx.simple(WAIT_AS_ALWAYS).await?;
    Ok(insert(tx, columns).await?)
}

fn fail_all(batches: &[&FlowBatch], trouble: &Arc<Trouble>) -> Vec<Outcome> {
    batches.iter().map(|_| Err(Failure::Backend(Arc::clone(trouble)))).collect()
}
