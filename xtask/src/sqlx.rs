//! The checked SQL of the stores: `crates/flow-store-*/.sqlx` holds what the
//! database said of each query, so that the project builds without one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use flow_testing::TestPostgres;
use tempfile::TempDir;

use crate::databases::empty_postgres;
use crate::run::{cargo, finish, root};
use crate::up::target;

struct Store {
    name: &'static str,
    migrations: &'static str,
    /// Names the database, as the crate's `sqlx.toml` says.
    variable: &'static str,
}

const SQLITE: Store =
    Store { name: "flow-store-sqlite", migrations: "migrations/sqlite", variable: "SQLITE_DATABASE_URL" };

const POSTGRES: Store = Store {
    name: "flow-store-postgres",
    migrations: "migrations/postgres",
    variable: "POSTGRES_DATABASE_URL",
};

/// Writes `.sqlx` anew.
pub(crate) fn regenerate() -> anyhow::Result<()> {
    for (store, fresh) in describe_all()? {
        let kept = store.kept();
        for old in files(&kept)? {
            fs::remove_file(kept.join(old))?;
        }
        for new in files(fresh.path())? {
            fs::copy(fresh.path().join(&new), kept.join(&new))?;
        }
    }
    Ok(())
}

/// Fails when `.sqlx` is not what a database with the present migrations says.
pub(crate) fn verify() -> anyhow::Result<()> {
    for (store, fresh) in describe_all()? {
        let kept = store.kept();
        let (old, new) = (files(&kept)?, files(fresh.path())?);
        let differs = |name: &String| -> io::Result<bool> {
            Ok(fs::read(kept.join(name))? != fs::read(fresh.path().join(name))?)
        };
        if old != new || new.iter().map(differs).collect::<io::Result<Vec<_>>>()?.contains(&true) {
            bail!(
                "crates/{}/.sqlx is not up to date: run `cargo xtask sqlx` and commit what it writes",
                store.name
            );
        }
        println!("{}: {} checked queries are up to date", store.name, new.len());
    }
    Ok(())
}

/// For each store a folder with what a new database said. Neither database was ever
/// there before: cargo compiles again because of their addresses.
fn describe_all() -> anyhow::Result<[(Store, TempDir); 2]> {
    let place = TempDir::new().context("could not create a folder")?;
    let file = place.path().join("checked.db");
    SQLITE.migrate(|migration| {
        let mut sqlite = Command::new("sqlite3");
        sqlite.arg("-bail").arg(&file).stdin(fs::File::open(migration)?);
        Ok(sqlite)
    })?;
    let (_postgres, address) = empty_postgres()?;
    POSTGRES.migrate(|migration| {
        let mut psql = Command::new(TestPostgres::program("psql")?);
        psql.args(["--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1"])
            .args(["--dbname", &address, "--file"])
            .arg(migration);
        Ok(psql)
    })?;
    let sqlite = SQLITE.describe(&format!("sqlite://{}", file.display()))?;
    let postgres = POSTGRES.describe(&address)?;
    Ok([(SQLITE, sqlite), (POSTGRES, postgres)])
}

impl Store {
    fn kept(&self) -> PathBuf {
        root().join("crates").join(self.name).join(".sqlx")
    }

    /// Applies the migrations in their order, each by the program that is prepared for it.
    fn migrate(&self, program: impl Fn(&Path) -> anyhow::Result<Command>) -> anyhow::Result<()> {
        let folder = root().join(self.migrations);
        let mut migrations: Vec<_> =
            fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
        migrations.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(|first: char| first.is_ascii_digit()) && name.ends_with(".sql")
        });
        migrations.sort();
        ensure!(!migrations.is_empty(), "there are no migrations in {}", folder.display());
        for migration in migrations {
            let applied = program(&migration)?.status().context("could not start the database's program")?;
            ensure!(applied.success(), "{} cannot be applied", migration.display());
        }
        Ok(())
    }

    /// Compiles the store against the database and answers the folder with what it said.
    fn describe(&self, database: &str) -> anyhow::Result<TempDir> {
        let said = TempDir::new().context("could not create a folder")?;
        let mut check = Command::new(cargo());
        check
            .args(["check", "--quiet", "--package", self.name])
            .current_dir(root())
            // Beside the usual build, which is made without a database.
            .env("CARGO_TARGET_DIR", target().join("sqlx"))
            .env(self.variable, database)
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", said.path());
        finish(check)?;
        Ok(said)
    }
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
