//! What a person has said to flows, and what they were told.

use flow_auth::Permission;
use flow_base::{Scopes, UserId};
use flow_store::{RunQuery, RunSummary};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::packing::File;
use super::{PAGE, pretty};
use crate::app::App;
use crate::error::ApiError;
use crate::routes::runs::told_outcome;

/// The runs that the user has begun, the newest first.
pub(super) async fn put_runs(app: &App, user: UserId, files: &mpsc::Sender<File>) -> Result<(), ApiError> {
    let mut query = RunQuery { user: Some(user), limit: PAGE, ..RunQuery::default() };
    loop {
        let page = app.store().runs(&query).await?;
        let Some(last) = page.last() else { return Ok(()) };
        query.before = Some(last.id);
        for run in page {
            let name = format!("runs/{}.json", run.id);
            let content = pretty(&whole(app, user, run).await?);
            if files.send(File { name, content }).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn whole(app: &App, user: UserId, run: RunSummary) -> Result<Value, ApiError> {
    let access = app.store().flow_access(run.flow, user).await?;
    let reads = access.is_some_and(|access| Permission::ReadFlow.is_given_to(access.role, Scopes::ALL));
    let (mut entries, mut after) = (Vec::new(), 0);
    loop {
        let parts = app.store().run_journal(run.id, after, PAGE).await?;
        let Some(last) = parts.last() else { break };
        after = last.version;
        for part in &parts {
            let part: Vec<Value> = serde_json::from_slice(&part.entries).map_err(ApiError::internal)?;
            entries.extend(part.into_iter().filter_map(|entry| told(entry, reads)));
        }
    }
    let outcome = run.outcome.as_deref().map(serde_json::from_str::<Value>);
    let outcome = outcome.transpose().map_err(ApiError::internal)?;
    Ok(json!({
        "id": run.id,
        "flowId": run.flow,
        "kind": run.kind.as_str(),
        "status": run.status.as_str(),
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "outcome": outcome.map(|outcome| told_outcome(outcome, reads)),
        "journal": entries,
    }))
}

/// What the flow did inside is for those who may look into it: of somebody else's the person
/// has what was said to them, and what they answered.
fn told(entry: Value, reads: bool) -> Option<Value> {
    if reads {
        return Some(entry);
    }
    let (kind, at) = (entry["type"].as_str(), &entry["at"]);
    match kind {
        Some("emitted" | "refused") => Some(entry),
        // A step that an answer has made is the only one with such an input.
        Some("step") => {
            let answer = entry["input"].get("answer")?;
            Some(json!({ "type": "answered", "at": at, "answer": answer }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_anothers_flow_a_person_has_what_was_said_and_answered() {
        let said = json!({ "type": "emitted", "at": 1, "message": { "text": "Your name?" } });
        let wrong = json!({ "type": "refused", "at": 2, "answer": "7", "code": "too_short" });
        let step = |input| json!({ "type": "step", "at": 3, "node": "n", "input": input, "changes": [1] });
        let answered = step(json!({ "answer": "Ada" }));
        let calling = json!({ "type": "calling", "at": 4, "request": { "url": "http://inside" } });
        let called = step(json!({ "url": "http://inside" }));
        for entry in [&said, &wrong, &answered, &calling, &called] {
            assert_eq!(told(entry.clone(), true).as_ref(), Some(entry), "who may look into it has all");
        }
        assert_eq!(told(said.clone(), false), Some(said));
        assert_eq!(told(wrong.clone(), false), Some(wrong));
        let answer = json!({ "type": "answered", "at": 3, "answer": "Ada" });
        assert_eq!(told(answered, false), Some(answer));
        assert_eq!((told(calling, false), told(called, false)), (None, None));
    }
}
