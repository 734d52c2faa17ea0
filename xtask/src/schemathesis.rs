//! The API's document, held against a live server by schemathesis. See
//! `tests/schemathesis/README.md`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};

use crate::run::{cargo, finish, root, run};
use crate::up::target;

const METRICS_TOKEN: &str = "metrics of the test";

/// Against the server as it was built last.
pub(crate) fn run_against_server() -> anyhow::Result<()> {
    run(&cargo(), &["build", "--quiet", "--package", "interflow"])?;
    let programs = environment()?;
    let server = Server::start()?;
    let mut command = Command::new(programs.join("st"));
    command
        .args(["--config-file", "schemathesis.toml", "run", "--no-color"])
        .arg(format!("{}/api/openapi.json", server.url))
        .current_dir(folder())
        .env("INTERFLOW_SERVER", &server.url)
        .env("INTERFLOW_METRICS_TOKEN", METRICS_TOKEN)
        // Nothing is left in the tree.
        .env("PYTHONDONTWRITEBYTECODE", "1");
    finish(command)
}

fn folder() -> PathBuf {
    root().join("tests/schemathesis")
}

/// The programs of a Python environment with exactly what `requirements.txt` lists. It is kept
/// beside the build, and made anew when the list has changed.
fn environment() -> anyhow::Result<PathBuf> {
    let (kept, list) = (target().join("schemathesis"), folder().join("requirements.txt"));
    let (programs, installed) = (kept.join("bin"), kept.join("installed.txt"));
    let wanted = fs::read(&list).with_context(|| format!("could not read {}", list.display()))?;
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&kept);
    finish(make)?;
    let mut install = Command::new(programs.join("pip"));
    install
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"])
        .arg(&list);
    finish(install)?;
    // Last: what was interrupted is made again.
    fs::write(&installed, wanted).with_context(|| format!("could not write {}", installed.display()))?;
    Ok(programs)
}

/// Our server on an empty SQLite file. Dropping it ends it.
struct Server {
    process: Child,
    url: String,
    _data: tempfile::TempDir,
    /// Kept open: a closed pipe would end the server at its next line.
    _out: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let data = tempfile::tempdir().context("could not make a folder for the data")?;
        let mut process = command(data.path()).spawn().context("could not start the server")?;
        let mut out = BufReader::new(process.stdout.take().context("the server has no standard output")?);
        let mut line = String::new();
        out.read_line(&mut line).context("could not read what the server says")?;
        let Some((_, address)) = line.trim().rsplit_once("http://") else {
            bail!("the server does not say where it listens: {line:?}");
        };
        let url = format!("http://{address}");
        Ok(Self { process, url, _data: data, _out: out })
    }
}

/// Rates are lifted: they are tested by themselves, and would refuse most of this.
fn command(data: &Path) -> Command {
    let mut command = Command::new(target().join("debug/interflow"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .env("INTERFLOW_LOG", "warn")
        .env("INTERFLOW_METRICS_TOKEN", METRICS_TOKEN)
        .env("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ACCOUNT", "0")
        .env("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "0")
        .env("INTERFLOW_LIMITS__REQUESTS_PER_USER", "0")
        .env("INTERFLOW_LIMITS__REQUESTS_PER_KEY", "0")
        .stdout(Stdio::piped());
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which its client has seen.
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            println!("the server could not be ended: {error}");
        }
    }
}
