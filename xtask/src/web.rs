//! The editor: built into `web/dist`, which the server embeds.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::run::{is_there, root, run_in};

fn folder() -> PathBuf {
    root().join("web")
}

/// Installs exactly what the lock file names. Skipped when that was done already.
pub(crate) fn install() -> anyhow::Result<()> {
    if !is_there("npm", "--version") {
        bail!("the editor is built with Node.js 20 or later and npm; install them and try again");
    }
    for folder in [folder(), root().join("tests/stock")] {
        let (wanted, done) =
            (folder.join("package-lock.json"), folder.join("node_modules/.package-lock.json"));
        let modified = |path: PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
        let (wanted, done) = (modified(wanted), modified(done));
        if done.is_none() || wanted > done {
            run_in(&folder, "npm", &["ci", "--no-audit", "--no-fund"])?;
        }
    }
    Ok(())
}

/// What cargo has built of the server before there was an editor is built again: it watches the
/// files that it has embedded, and there were none.
pub(crate) fn build() -> anyhow::Result<()> {
    let index = folder().join("dist/index.html");
    let was_there = index.exists();
    npm("build")?;
    if !was_there {
        let embeds = root().join("crates/flow-server/src/web.rs");
        let touch =
            || File::options().append(true).open(&embeds)?.set_modified(index.metadata()?.modified()?);
        touch().with_context(|| format!("could not touch {}", embeds.display()))?;
    }
    Ok(())
}

/// One of the scripts in `web/package.json`.
pub(crate) fn npm(script: &str) -> anyhow::Result<()> {
    run_in(&folder(), "npm", &["run", "--silent", script])
}
