use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{RunFileId, RunId, WorkspaceId};

use super::{MemoryStore, State, to_micros};
use crate::{RunFile, RunFileBounds, RunFileKept, RunFileStore, StoreError};

/// What was sent to one run.
pub(super) type Files = Vec<(RunFile, Bytes)>;

#[async_trait]
impl RunFileStore for MemoryStore {
    async fn put_run_file(
        &self,
        file: &RunFile,
        content: &Bytes,
        bounds: RunFileBounds,
    ) -> Result<RunFileKept, StoreError> {
        let mut state = self.state();
        let Some(files) = state.files_of_a_run_that_goes_on(file.run) else { return Ok(RunFileKept::NoRun) };
        let same = |known: &RunFile| {
            (known.visit, &known.name, known.sha256) == (file.visit, &file.name, file.sha256)
        };
        if let Some((known, _)) = files.iter().find(|(known, _)| same(known)) {
            return Ok(RunFileKept::Kept(known.clone()));
        }
        let is_refused = |known: &RunFile| known.visit == file.visit && known.attempt < file.attempt;
        if !has_room(files.iter(), bounds, file.bytes) {
            if !has_room(files.iter().filter(|(known, _)| !is_refused(known)), bounds, file.bytes) {
                return Ok(RunFileKept::Full);
            }
            files.retain(|(known, _)| !is_refused(known));
        }
        let file = RunFile { created_at: to_micros(file.created_at), ..file.clone() };
        files.push((file.clone(), content.clone()));
        Ok(RunFileKept::Kept(file))
    }

    async fn run_files(&self, run: RunId) -> Result<Vec<RunFile>, StoreError> {
        Ok(self.state().runs.files(run).iter().map(|(file, _)| file.clone()).collect())
    }

    async fn run_file(&self, run: RunId, id: RunFileId) -> Result<Option<(RunFile, Bytes)>, StoreError> {
        Ok(self.state().runs.files(run).iter().find(|(file, _)| file.id == id).cloned())
    }
}

fn has_room<'f>(files: impl Iterator<Item = &'f (RunFile, Bytes)>, bounds: RunFileBounds, more: u64) -> bool {
    let (count, bytes) = files.fold((0, 0), |(count, bytes), (file, _)| (count + 1, bytes + file.bytes));
    bounds.allow(count, bytes, more)
}

impl State {
    /// Of what was sent to the workspace's runs.
    pub(super) fn file_bytes(&self, workspace: WorkspaceId) -> u64 {
        let own = |flow| self.flows.get(&flow).is_some_and(|flow| flow.workspace == workspace);
        let files = self.runs.all_files().filter(|(flow, _)| own(*flow));
        files.map(|(_, (file, _))| file.bytes).sum()
    }
}
