//! The checked SQL of the stores: `crates/flow-store-*/.sqlx` holds what the
//! database said of each query, so that the project builds without one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use crate::run::{cargo, finish, root};
use crate::up::target;

const CRATE: &str = "flow-store-sqlite";

/// Writes `.sqlx` anew.
pub(crate) fn regenerate() -> anyhow::Result<()> {
    let kept = root().join("crates").join(CRATE).join(".sqlx");
    let fresh = describe()?;
    for old in files(&kept)? {
        fs::remove_file(kept.join(old))?;
    }
    for new in files(fresh.path())? {
        fs::copy(fresh.path().join(&new), kept.join(&new))?;
    }
    Ok(())
}

/// Fails when `.sqlx` is not what a database with the present migrations says.
pub(crate) fn verify() -> anyhow::Result<()> {
    let kept = root().join("crates").join(CRATE).join(".sqlx");
    let fresh = describe()?;
    let (old, new) = (files(&kept)?, files(fresh.path())?);
    let differs = |name: &String| -> io::Result<bool> {
        Ok(fs::read(kept.join(name))? != fs::read(fresh.path().join(name))?)
    };
    if old != new || new.iter().map(differs).collect::<io::Result<Vec<_>>>()?.contains(&true) {
        bail!("crates/{CRATE}/.sqlx is not up to date: run `cargo xtask sqlx` and commit what it writes");
    }
    println!("{} checked queries are up to date", new.len());
    Ok(())
}

/// Compiles the store against a new database and answers the folder with what it
/// said.
fn describe() -> anyhow::Result<TempDir> {
    // A path that was never used before: cargo compiles again because of it.
    let place = TempDir::new().context("could not create a folder")?;
    let database = place.path().join("checked.db");
    migrate(&database)?;
    let said = TempDir::new().context("could not create a folder")?;
    let mut check = Command::new(cargo());
    check
        .args(["check", "--quiet", "--package", CRATE])
        .current_dir(root())
        // Beside the usual build, which is made without a database.
        .env("CARGO_TARGET_DIR", target().join("sqlx"))
        .env("SQLITE_DATABASE_URL", format!("sqlite://{}", database.display()))
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", said.path());
    finish(check)?;
    Ok(said)
}

fn migrate(database: &Path) -> anyhow::Result<()> {
    let folder = root().join("migrations/sqlite");
    let mut migrations: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    migrations.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(|first: char| first.is_ascii_digit()) && name.ends_with(".sql")
    });
    migrations.sort();
    ensure!(!migrations.is_empty(), "there are no migrations in {}", folder.display());
    for migration in migrations {
        let applied = Command::new("sqlite3")
            .arg("-bail")
            .arg(database)
            .stdin(Stdio::from(fs::File::open(&migration)?))
            .status()
            .context("could not start sqlite3")?;
        ensure!(applied.success(), "{} cannot be applied", migration.display());
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
