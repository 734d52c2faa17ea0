//! What tests need beside cargo.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::run::{finish, is_there};

struct Need {
    /// As people know it.
    name: &'static str,
    /// Any of these will do; the argument makes it say something and end.
    programs: &'static [&'static str],
    argument: &'static str,
    /// Debian's package.
    package: &'static str,
}

const NEEDS: &[Need] = &[
    Need { name: "Node.js 20 or later", programs: &["node"], argument: "--version", package: "nodejs" },
    Need { name: "npm", programs: &["npm"], argument: "--version", package: "npm" },
    Need { name: "SQLite's shell", programs: &["sqlite3"], argument: "--version", package: "sqlite3" },
];

const CHROMIUM: Need = Need {
    name: "Chromium",
    programs: &["chromium", "chromium-browser", "google-chrome"],
    argument: "--version",
    package: "chromium",
};

/// Finds what the tests need; on Debian, as root, installs what is missing.
pub(crate) fn provide(browser: bool) -> anyhow::Result<()> {
    let needs = NEEDS.iter().chain(browser.then_some(&CHROMIUM));
    let missing: Vec<&Need> = needs.filter(|need| !need.is_met()).collect();
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
    match missing.iter().find(|need| !need.is_met()) {
        Some(need) => bail!("{} was installed and still cannot be started", need.name),
        None => Ok(()),
    }
}

impl Need {
    fn is_met(&self) -> bool {
        self.programs.iter().any(|program| is_there(program, self.argument))
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
