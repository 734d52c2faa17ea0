use flow_base::{RunFileId, RunId};
use flow_executor::inputs::{Answer, FileRef};
use flow_store::RunFile;

use super::path;
use crate::app::App;
use crate::error::ApiError;

/// The answer that these files are. Each has to be the run's own.
///
/// # Errors
/// [`ApiError::Invalid`] for the first that is not.
pub(crate) async fn resolved(app: &App, run: RunId, ids: &[RunFileId]) -> Result<Answer, ApiError> {
    let sent = app.store().run_files(run).await?;
    let mut named = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        if ids[..at].contains(id) {
            return Err(ApiError::invalid("files", format!("names {id} twice")));
        }
        let file = sent.iter().find(|file| file.id == *id);
        let file =
            file.ok_or_else(|| ApiError::invalid("files", format!("nothing was sent to this run as {id}")))?;
        named.push(reference(file));
    }
    Ok(Answer::Files(named))
}

fn reference(file: &RunFile) -> FileRef {
    FileRef {
        id: file.id.to_string(),
        name: file.name.clone(),
        media_type: file.media_type.clone(),
        bytes: file.bytes,
        url: path(file),
    }
}
