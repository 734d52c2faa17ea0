//! What a person has said to flows, and what they were told.

use std::ops::ControlFlow;

use flow_auth::Permission;
use flow_base::{RunId, Scopes, UserId};
use flow_store::{RunQuery, RunSummary};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::packing::File;
use super::{PAGE, pretty};
use crate::app::App;
use crate::error::ApiError;
use crate::routes::runs::{files_of, told_outcome};

/// The runs that the user has begun, the newest first.
pub(super) async fn put_runs(app: &App, user: UserId, files: &mpsc::Sender<File>) -> Result<(), ApiError> {
    let mut query = RunQuery { user: Some(user), limit: PAGE, ..RunQuery::default() };
    loop {
        let page = app.store().runs(&query).await?;
        let Some(last) = page.last() else { return Ok(()) };
        query.before = Some(last.id);
        for run in page {
            if put_run(app, user, run, files).await?.is_break() {
                return Ok(());
            }
        }
    }
}

/// In several files where its journal is long.
async fn put_run(
    app: &App,
    user: UserId,
    run: RunSummary,
    files: &mpsc::Sender<File>,
) -> Result<ControlFlow<()>, ApiError> {
    let access = app.store().flow_access(run.flow, user).await?;
    let reads = access.is_some_and(|access| Permission::ReadFlow.is_given_to(access.role, Scopes::ALL));
    let outcome = run.outcome.as_deref().map(serde_json::from_str::<Value>);
    let outcome = outcome.transpose().map_err(ApiError::internal)?;
    let mut head = json!({
        "id": run.id,
        "flowId": run.flow,
        "kind": run.kind.as_str(),
        "status": run.status.as_str(),
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "outcome": outcome.map(|outcome| told_outcome(outcome, reads)),
        "files": files_of(app, run.id).await?,
    });
    let (mut after, mut number) = (0, 1);
    loop {
        let (mut entries, mut bytes, mut is_last) = (Vec::new(), 0, false);
        while bytes < FILE_BYTES && !is_last {
            let parts = app.store().run_journal(run.id, after, PARTS).await?;
            is_last = parts.len() < PARTS as usize;
            after = parts.last().map_or(after, |part| part.version);
            for part in &parts {
                bytes += part.entries.len();
                let part: Vec<Value> = serde_json::from_slice(&part.entries).map_err(ApiError::internal)?;
                entries.extend(part.into_iter().filter_map(|entry| told(entry, reads)));
            }
        }
        head["journal"] = Value::Array(entries);
        let name = if number == 1 {
            format!("runs/{}.json", run.id)
        } else {
            format!("runs/{}.{number}.json", run.id)
        };
        let content = pretty(&head).into();
        if files.send(File { name, content }).await.is_err() {
            return Ok(ControlFlow::Break(()));
        }
        if is_last {
            return put_files(app, run.id, files).await;
        }
        // What follows says whose it is, and goes on.
        head = json!({ "id": run.id });
        number += 1;
    }
}

/// What was sent to the run, one by one.
async fn put_files(app: &App, run: RunId, files: &mpsc::Sender<File>) -> Result<ControlFlow<()>, ApiError> {
    for file in app.store().run_files(run).await? {
        // Gone meanwhile, it is not kept any more.
        let Some((file, content)) = app.store().run_file(run, file.id).await? else { continue };
        let name = format!("runs/{run}/{}-{}", file.id, file.name);
        if files.send(File { name, content }).await.is_err() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Parts of a journal that are read at once.
const PARTS: u32 = 8;
/// Of a journal so much is put into one file, and what is read at once beyond that.
const FILE_BYTES: usize = 4 << 20;

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
