//! Runs of flows: started, answered, watched, cancelled.

mod bounds;
mod events;
mod files;
mod start;
mod steps;
mod stream;
mod test_case;
mod view;

use flow_auth::Permission;
use flow_base::RunId;
use flow_store::{RunRecord, RunSummary};

// The paths' macros look for what they made beside the handlers.
pub(crate) use events::*;
pub(crate) use files::*;
pub(crate) use start::*;
pub(crate) use steps::*;
pub(crate) use stream::*;
pub(crate) use test_case::*;
pub(crate) use view::*;

use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;

/// What the caller may do with a run.
#[derive(Debug, Clone, Copy)]
struct RunAccess {
    /// See what it did inside, and what its variables hold.
    reads: bool,
    /// Answer it, and end it.
    acts: bool,
    /// The revision of the flow's rules that says so.
    rev: u64,
}

/// The run, if the caller may know of it. Members of its flow do; guests know their own.
async fn find(app: &App, caller: Caller, run: RunId) -> Result<(RunRecord, RunAccess), ApiError> {
    let record = app.store().run(run).await?.ok_or(ApiError::NotFound("run"))?;
    let access = access(app, caller, &record.summary).await?.ok_or(ApiError::NotFound("run"))?;
    Ok((record, access))
}

async fn access(app: &App, caller: Caller, run: &RunSummary) -> Result<Option<RunAccess>, ApiError> {
    let Some(found) = caller.access(app, run.flow).await? else { return Ok(None) };
    let may = |permission: Permission| permission.is_given_to(found.role, caller.scopes);
    let is_own = run.user == Some(caller.user);
    if caller.is_guest() && !is_own {
        return Ok(None);
    }
    let acts = may(Permission::RunFlow) || is_own && may(Permission::TalkToFlow);
    Ok(Some(RunAccess { reads: may(Permission::ReadFlow), acts, rev: found.access_rev }))
}

/// As [`find`], if the caller may see the run.
async fn find_readable(app: &App, caller: Caller, run: RunId) -> Result<(RunRecord, RunAccess), ApiError> {
    if !caller.is_guest() && !Permission::ReadFlow.is_within(caller.scopes) {
        return Err(ApiError::Forbidden);
    }
    let (record, access) = find(app, caller, run).await?;
    let sees = access.reads || caller.is_guest();
    if sees { Ok((record, access)) } else { Err(ApiError::Forbidden) }
}

/// As [`find`], if the caller may move the run on.
async fn find_movable(app: &App, caller: Caller, run: RunId) -> Result<(RunSummary, RunAccess), ApiError> {
    if !Permission::TalkToFlow.is_within(caller.scopes) {
        return Err(ApiError::Forbidden);
    }
    let (record, access) = find(app, caller, run).await?;
    if access.acts { Ok((record.summary, access)) } else { Err(ApiError::Forbidden) }
}
