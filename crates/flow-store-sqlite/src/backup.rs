//! A copy of the file as of one moment, made while a server writes to it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::SqliteStore;
use crate::store::options;

/// Why there is no backup. Nothing is left under its name.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{0} exists already")]
    Exists(PathBuf),
    #[error("the path {0} is not valid UTF-8, which SQLite asks for")]
    Path(PathBuf),
    #[error("could not open the database {path}")]
    Open {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("could not copy the database to {path}")]
    Copy {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("could not {action} {path}")]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the copy is not sound: {0}")]
    Unsound(String),
}

impl SqliteStore {
    /// Copies the database `from` to a new file `to`, as of one moment and on disk when it
    /// is answered. Servers go on reading and writing meanwhile. The copy gets its name
    /// only after it was checked. Answers its size in bytes.
    ///
    /// Takes the time of reading, writing and checking the whole file, with calls that block
    /// the thread: it is for a command, not for a server.
    ///
    /// # Errors
    /// [`BackupError`]; an existing file is never touched.
    pub async fn backup(from: &Path, to: &Path) -> Result<u64, BackupError> {
        if fs::symlink_metadata(to).is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let draft = Draft::beside(to)?;
        copy(from, &draft.path).await?;
        let file = File::open(&draft.path).map_err(draft.failed("open"))?;
        file.sync_all().map_err(draft.failed("write"))?;
        let bytes = file.metadata().map_err(draft.failed("look at"))?.len();
        check(&draft.path).await?;
        draft.publish(to)?;
        Ok(bytes)
    }
}

async fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let target = to.to_str().ok_or_else(|| BackupError::Path(to.to_owned()))?;
    // SQLite takes an empty file that is there. The copy holds hashes of passwords.
    let made = File::options().write(true).create_new(true).mode(0o600).open(to);
    made.map_err(|source| BackupError::File { action: "create", path: to.to_owned(), source })?;
    // Not migrated: a backup is what one makes before that.
    let connection = options(from).connect().await;
    let mut connection = connection.map_err(|source| BackupError::Open { path: from.to_owned(), source })?;
    let copied = sqlx::query("vacuum into ?1").bind(target).execute(&mut connection).await;
    copied.map_err(|source| BackupError::Copy { path: to.to_owned(), source })?;
    connection.close().await.map_err(|source| BackupError::Open { path: from.to_owned(), source })
}

async fn check(path: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Open { path: path.to_owned(), source };
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await.map_err(failed)?;
    let said: Vec<String> =
        sqlx::query_scalar("pragma integrity_check").fetch_all(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    if said == ["ok"] { Ok(()) } else { Err(BackupError::Unsound(said.join("; "))) }
}

/// A file without its final name, gone when it is dropped.
struct Draft {
    path: PathBuf,
    folder: PathBuf,
}

impl Draft {
    fn beside(to: &Path) -> Result<Self, BackupError> {
        let no_name = || BackupError::Path(to.to_owned());
        let mut name = to.file_name().ok_or_else(no_name)?.to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let folder = match to.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { path: folder.join(name), folder })
    }

    fn publish(self, to: &Path) -> Result<(), BackupError> {
        // Unlike renaming, this never replaces a file that has come in between.
        match fs::hard_link(&self.path, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(BackupError::Exists(to.to_owned()));
            }
            Err(error) => return Err(self.failed("give its name to")(error)),
        }
        fs::remove_file(&self.path).map_err(self.failed("remove"))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(self.failed("write"))
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> BackupError + use<> {
        let path = self.path.clone();
        move |source| BackupError::File { action, path, source }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already if it was published or never written; if it cannot be removed, the
        // error that is answered is worth more than this one.
        drop(fs::remove_file(&self.path));
    }
}
