//! What happened to a flow, and what it was at any position of its log.
//!
//! Both replay the log from its beginning: a snapshot may contain more than its position
//! says, and a history is exact.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use flow_auth::Permission;
use flow_base::{ActorId, FlowId, Seq, Timestamp, UserId};
use flow_model::{FlowDoc, FlowGraph, FlowJson, diff, summary};
use flow_protocol::{UpdateLimits, walk};
use flow_store::{PageSize, SEGMENT_BYTES, SEGMENT_UPDATES_MOST, StoredUpdate};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa::{IntoParams, ToSchema};

use super::{PAGE_DEFAULT, PAGE_MAX, blocking};
use crate::app::App;
use crate::body::Params;
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::openapi::{fields, model};
use crate::segment::{Position, Segment};

/// Read at once: as much as one segment of the archive has, so that none is read twice. A
/// single update may have more.
const LOG_PAGE: PageSize = PageSize { updates: SEGMENT_UPDATES_MOST, bytes: SEGMENT_BYTES };
/// Updates of one person that are not further apart belong together.
const PAUSE: Duration = Duration::from_secs(60);
/// Replays that run at a time on this node, each of a whole document; more wait.
static REPLAYS: Semaphore = Semaphore::const_new(2);
/// Who has one, or waits for it: one at a time each, so that nobody is in everybody's way.
static REPLAYING: Mutex<BTreeSet<UserId>> = Mutex::new(BTreeSet::new());

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Positions, both included.
    #[param(schema_with = fields::position, required = false)]
    from: Option<Seq>,
    #[param(schema_with = fields::position, required = false)]
    to: Option<Seq>,
    #[param(schema_with = fields::limit, required = false)]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryPage {
    /// Newest first.
    items: Vec<BurstView>,
    /// The `to` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::position, required = false)]
    next_to: Option<Seq>,
}

/// What one person did without a longer pause.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Burst)]
pub(crate) struct BurstView {
    #[schema(schema_with = fields::position)]
    first_seq: Seq,
    #[schema(schema_with = fields::position)]
    last_seq: Seq,
    /// Who wrote it, under whose sign-in its client first did; nobody when the server did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid)]
    author_id: Option<UserId>,
    /// As long as the account exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    author: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    ended_at: Timestamp,
    /// In a line of English.
    summary: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Moment)]
pub(crate) struct MomentView {
    #[schema(schema_with = fields::position)]
    seq: Seq,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid)]
    author_id: Option<UserId>,
    /// In its JSON form.
    #[schema(value_type = model::FlowJson)]
    flow: FlowJson,
}

/// `GET /api/flows/{id}/history?from=&to=&limit=`: who did what, and when.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/history",
    operation_id = "listHistory",
    tag = "versions",
    params(FlowPath, HistoryQuery),
    responses((status = 200, body = HistoryPage), (status = 429, description = "Another of the caller's histories is being read.")),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<HistoryPage>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT as usize);
    if !(1..=PAGE_MAX as usize).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    let (from, to) = (query.from.unwrap_or(Seq::ZERO), query.to.unwrap_or(Seq(u64::MAX)));
    // One more than asked for tells whether there is a next page.
    let mut replay = replay(&app, caller.user, flow, to, limit + 1).await?;
    let mut items = blocking(move || {
        replay.end_burst();
        let items = replay.bursts.drain(..).rev().map(Burst::told).collect::<Vec<_>>();
        // With its turn: what was told took as much.
        drop(replay);
        items
    })
    .await?;
    items.retain(|item| item.last_seq >= from);
    let next_to = items.get(limit).map(|next| next.last_seq);
    items.truncate(limit);
    name_authors(&app, &mut items).await?;
    Ok(Json(HistoryPage { items, next_to }))
}

/// `GET /api/flows/{id}/history/{seq}`: the flow as it was then.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/history/{seq}",
    operation_id = "getMoment",
    tag = "versions",
    params(FlowPath, Segment<Position>),
    responses((status = 200, body = MomentView), (status = 429, description = "Another of the caller's histories is being read.")),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    Segment(Position(seq)): Segment<Position>,
    caller: Caller,
) -> Result<Json<MomentView>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let not_found = || ApiError::NotFound("position in the history");
    let head = app.store().head(flow).await?.ok_or(ApiError::NotFound("flow"))?;
    if seq > head.seq {
        return Err(not_found());
    }
    let replay = replay(&app, caller.user, flow, seq, 1).await?;
    let Last { at, actor, .. } = replay.last.filter(|last| last.seq == seq).ok_or_else(not_found)?;
    let author_id = actor.user();
    let flow = FlowJson::from_graph(replay.doc.graph());
    Ok(Json(MomentView { seq, at, author_id, flow }))
}

/// The document after the updates up to `to`, and the last `kept` bursts.
async fn replay(app: &App, user: UserId, flow: FlowId, to: Seq, kept: usize) -> Result<Replay, ApiError> {
    let turn = Turn::wait(user).await?;
    let writers = app.store().writers(flow).await?;
    let writers = writers.into_iter().map(|writer| (writer.client_id, writer.user)).collect();
    let mut replay = Replay::new(turn, writers, kept);
    loop {
        let after = replay.last.map_or(Seq::ZERO, |last| last.seq);
        let wanted = u32::try_from(to.0.saturating_sub(after.0)).unwrap_or(u32::MAX);
        if wanted == 0 {
            return Ok(replay);
        }
        let page = PageSize { updates: wanted.min(LOG_PAGE.updates), ..LOG_PAGE };
        let updates = app.store().updates_after(flow, after, page).await?;
        if updates.is_empty() {
            return Ok(replay);
        }
        let (applied, result) = blocking(move || {
            let result = updates.iter().try_for_each(|update| replay.apply(update));
            (replay, result)
        })
        .await?;
        result.map_err(ApiError::internal)?;
        replay = applied;
    }
}

/// A stored update does not fit behind those before it.
#[derive(Debug, thiserror::Error)]
#[error("update {seq} of the log cannot be applied")]
struct Misfit {
    seq: Seq,
    #[source]
    source: Option<flow_model::ModelError>,
}

/// May replay. It goes with the work, which goes on when nobody waits for it any more.
#[derive(Debug)]
struct Turn {
    user: UserId,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Turn {
    async fn wait(user: UserId) -> Result<Self, ApiError> {
        if !replaying().insert(user) {
            return Err(ApiError::Busy);
        }
        let mut turn = Self { user, _permit: None };
        turn._permit = Some(REPLAYS.acquire().await.map_err(ApiError::internal)?);
        Ok(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        replaying().remove(&self.user);
    }
}

fn replaying() -> MutexGuard<'static, BTreeSet<UserId>> {
    REPLAYING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Replay {
    doc: FlowDoc,
    /// The document at the last boundary between two bursts.
    boundary: Arc<FlowGraph>,
    /// Who wrote first under which client id.
    writers: HashMap<u64, UserId>,
    _turn: Turn,
    last: Option<Last>,
    /// The burst that goes on.
    open: Option<Burst>,
    /// Ended ones, oldest first, at most `kept`.
    bursts: VecDeque<Burst>,
    kept: usize,
}

/// The update that was applied last.
#[derive(Debug, Clone, Copy)]
struct Last {
    seq: Seq,
    actor: ActorId,
    at: Timestamp,
}

#[derive(Debug)]
struct Burst {
    first_seq: Seq,
    last_seq: Seq,
    actor: ActorId,
    started_at: Timestamp,
    ended_at: Timestamp,
    before: Arc<FlowGraph>,
    after: Arc<FlowGraph>,
}

impl Replay {
    fn new(turn: Turn, writers: HashMap<u64, UserId>, kept: usize) -> Self {
        let (doc, boundary, bursts) = (FlowDoc::new(None), Arc::default(), VecDeque::new());
        Self { doc, boundary, writers, _turn: turn, last: None, open: None, bursts, kept }
    }

    /// Who wrote the update; who delivered it, where it only deletes.
    fn author(&self, update: &StoredUpdate) -> ActorId {
        let walked = walk(&update.bytes, &UpdateLimits::unlimited()).ok();
        let client = walked.and_then(|walked| walked.sections().first().map(|section| section.client));
        let writer = client.and_then(|client| self.writers.get(&client));
        writer.map_or(update.actor, |writer| ActorId::User(*writer))
    }

    fn apply(&mut self, update: &StoredUpdate) -> Result<(), Misfit> {
        let StoredUpdate { seq, created_at, .. } = *update;
        let actor = self.author(update);
        match &mut self.open {
            Some(open) if open.takes(actor, created_at) => {
                (open.last_seq, open.ended_at) = (seq, open.ended_at.max(created_at));
            }
            _ => {
                self.end_burst();
                let before = Arc::clone(&self.boundary);
                self.open = Some(Burst {
                    first_seq: seq,
                    last_seq: seq,
                    actor,
                    started_at: created_at,
                    ended_at: created_at,
                    before,
                    after: Arc::default(),
                });
            }
        }
        let misfit = |source| Misfit { seq, source };
        let applied = self.doc.apply_update_v1(&update.bytes).map_err(|error| misfit(Some(error)))?;
        self.last = Some(Last { seq, actor, at: created_at });
        if applied.rest.is_some() { Err(misfit(None)) } else { Ok(()) }
    }

    fn end_burst(&mut self) {
        let Some(ended) = self.open.take() else { return };
        self.boundary = Arc::new(self.doc.graph().clone());
        self.bursts.push_back(Burst { after: Arc::clone(&self.boundary), ..ended });
        if self.bursts.len() > self.kept {
            self.bursts.pop_front();
        }
    }
}

impl Burst {
    fn takes(&self, actor: ActorId, at: Timestamp) -> bool {
        // Clocks of several servers may disagree a little.
        actor == self.actor && at.duration_since(self.ended_at).unsigned_abs() <= PAUSE
    }

    fn told(self) -> BurstView {
        let summary = summary(&diff(&self.before, &self.after), &self.after);
        BurstView {
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            author_id: self.actor.user(),
            author: None,
            started_at: self.started_at,
            ended_at: self.ended_at,
            summary,
        }
    }
}

async fn name_authors(app: &App, items: &mut [BurstView]) -> Result<(), ApiError> {
    let mut names = HashMap::new();
    for item in items {
        let Some(author) = item.author_id else { continue };
        if let std::collections::hash_map::Entry::Vacant(unknown) = names.entry(author) {
            unknown.insert(app.store().user(author).await?.map(|user| user.name));
        }
        item.author.clone_from(&names[&author]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_replays_one_log_at_a_time() {
        let ann = UserId::generate();
        let first = Turn::wait(ann).await.unwrap();
        assert!(matches!(Turn::wait(ann).await, Err(ApiError::Busy)));
        drop(first);
        drop(Turn::wait(ann).await.unwrap());
    }

    /// Who is not waited for any more does not hold up the next.
    #[tokio::test]
    async fn a_turn_that_is_given_up_while_waiting_is_free_again() {
        let others = [UserId::generate(), UserId::generate()];
        let turns = [Turn::wait(others[0]).await.unwrap(), Turn::wait(others[1]).await.unwrap()];
        let ann = UserId::generate();
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), Turn::wait(ann)).await;
        assert!(waiting.is_err());
        drop(turns);
        drop(Turn::wait(ann).await.unwrap());
    }
}
