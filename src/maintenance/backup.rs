use std::path::PathBuf;

use clap::Args;

use super::output;
use crate::cli::{Failure, Storage};
use crate::wiring;

/// Copies the SQLite database, as of one moment, to a new file, and checks the copy. Servers
/// go on meanwhile. Postgres has its own tools for this: see docs/operations.md.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The new file.
    file: PathBuf,
    #[command(flatten)]
    storage: Storage,
}

impl Backup {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.storage.start()?;
        let bytes = wiring::backup(&config, &self.file).await?;
        let size = output::count(bytes, "byte");
        Ok(output::line(&format!("{}: {size}, checked", self.file.display()))?)
    }
}
