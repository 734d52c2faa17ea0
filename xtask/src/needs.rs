//! What tests need beside cargo.

use std::path::Path;
use std::process::Command;

use anyhow::bail;
use flow_testing::TestPostgres;

use crate::run::{finish, is_there, succeeds};

struct Need {
    /// As people know it.
    name: &'static str,
    is_met: fn() -> bool,
    /// Debian's package.
    package: &'static str,
}

const NEEDS: &[Need] = &[
    Need { name: "Node.js 20 or later", is_met: || is_there("node", "--version"), package: "nodejs" },
    Need { name: "npm", is_met: || is_there("npm", "--version"), package: "npm" },
    Need { name: "SQLite's shell", is_met: || is_there("sqlite3", "--version"), package: "sqlite3" },
    Need {
        name: "PostgreSQL 14 or later",
        // Debian does not put all of its programs into PATH.
        is_met: || ["initdb", "postgres", "psql"].iter().all(|name| TestPostgres::program(name).is_ok()),
        package: "postgresql",
    },
    Need { name: "Redis", is_met: || is_there("redis-server", "--version"), package: "redis-server" },
];

const CHROMIUM: Need = Need {
    name: "Chromium",
    is_met: || {
        ["chromium", "chromium-browser", "google-chrome"].iter().any(|name| is_there(name, "--version"))
    },
    package: "chromium",
};

const PYTHON: Need = Need {
    name: "Python 3.10 or later with venv",
    is_met: || {
        let asked = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10)";
        succeeds("python3", &["-c", asked])
    },
    package: "python3-venv",
};

/// Finds what the tests need; on Debian, as root, installs what is missing.
pub(crate) fn provide(everything: bool) -> anyhow::Result<()> {
    let more = [CHROMIUM, PYTHON];
    let needs = NEEDS.iter().chain(more.iter().filter(|_| everything));
    let missing: Vec<&Need> = needs.filter(|need| !(need.is_met)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|need| need.name).collect();
    if !may_install() {
        bail!(
            "missing: {}. Install it and try again (on Debian, as root, this command does).",
            names.join(", ")
        );
    }
    println!("installing: {}", names.join(", "));
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(missing.iter().map(|need| need.package));
    apt(&install)?;
    match missing.iter().find(|need| !(need.is_met)()) {
        Some(need) => bail!("{} was installed and still cannot be started", need.name),
        None => Ok(()),
    }
}

fn may_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    root && Path::new("/etc/debian_version").exists()
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    finish(command)
}
