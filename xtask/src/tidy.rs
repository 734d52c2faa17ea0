//! The rules of the source tree that no compiler checks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::run::root;

/// Which level a crate is on. It may depend on lower levels only: crates of one
/// level do not know each other.
const LEVELS: &[&[&str]] = &[
    &["flow-base"],
    &["flow-model"],
    &["flow-protocol", "flow-store", "flow-cluster", "flow-import", "flow-egress"],
    &[
        "flow-room",
        "flow-executor",
        "flow-auth",
        "flow-client",
        "flow-archive",
        "flow-webhook",
        "flow-store-sqlite",
        "flow-store-postgres",
    ],
    &["flow-server"],
    &["interflow"],
    &["flow-loadtest"],
];

/// Crates that may be used in tests only.
const FOR_TESTS: &str = "flow-testing";

/// The folder of the load generator, a tool beside the product.
const LOAD_TEST: &str = "loadtest";

/// What a crate refuses to know: crates that must not be among its dependencies.
const REFUSED: &[(&str, &[&str])] = &[
    ("flow-base", &["tokio", "yrs", "sqlx", "axum"]),
    ("flow-model", &["tokio", "sqlx", "axum", "jiff"]),
    ("flow-protocol", &["tokio", "sqlx", "axum", "flow-model", "jiff"]),
    ("flow-import", &["tokio", "sqlx", "axum", "yrs", "jiff"]),
    ("flow-egress", &["sqlx", "axum", "yrs", "flow-base", "flow-model"]),
    ("flow-store", &["sqlx", "axum", "yrs", "flow-model"]),
    ("flow-archive", &["sqlx", "axum", "yrs", "flow-model"]),
    ("flow-webhook", &["sqlx", "axum", "reqwest", "yrs", "flow-model"]),
    ("flow-room", &["sqlx", "axum", "tokio-tungstenite"]),
    ("flow-executor", &["sqlx", "axum", "yrs"]),
    ("flow-auth", &["axum", "sqlx"]),
    ("flow-server", &["sqlx", "yrs"]),
    ("flow-client", &["flow-server", "flow-room", "sqlx"]),
    // It knows servers by their public protocol only.
    ("flow-loadtest", &["flow-server", "flow-room", "flow-store", "interflow", "sqlx"]),
];

pub(crate) fn tidy() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for (name, manifest) in manifests()? {
        check_dependencies(&name, &manifest, &mut wrong);
    }
    for folder in ["crates", LOAD_TEST] {
        check_sources(&root().join(folder), &mut wrong)?;
    }
    if wrong.is_empty() {
        println!("the tree is tidy");
        return Ok(());
    }
    bail!("the tree is not tidy:\n  {}", wrong.join("\n  "))
}

fn manifests() -> anyhow::Result<BTreeMap<String, toml::Table>> {
    let mut manifests = BTreeMap::new();
    let crates = root().join("crates");
    let mut folders = vec![root(), root().join(LOAD_TEST)];
    for entry in fs::read_dir(&crates).context("could not read crates/")? {
        folders.push(entry?.path());
    }
    for folder in folders {
        let path = folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        let manifest: toml::Table = text.parse().with_context(|| format!("{} is no TOML", path.display()))?;
        let name = manifest["package"]["name"].as_str().context("a package has no name")?.to_owned();
        let is_crate = folder.starts_with(&crates);
        if is_crate && folder.file_name().is_none_or(|folder| folder.to_string_lossy() != name) {
            bail!("the folder {} is not named as its crate, {name}", folder.display());
        }
        manifests.insert(name, manifest);
    }
    Ok(manifests)
}

fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&name))
}

fn check_dependencies(name: &str, manifest: &toml::Table, wrong: &mut Vec<String>) {
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let dependencies: Vec<&str> =
        dependencies.into_iter().flat_map(|table| table.keys().map(String::as_str)).collect();
    if name == FOR_TESTS {
        return;
    }
    let Some(own) = level(name) else {
        wrong.push(format!("{name} is on no level: add it to LEVELS in xtask/src/tidy.rs"));
        return;
    };
    for dependency in &dependencies {
        if *dependency == FOR_TESTS {
            wrong.push(format!("{name} depends on {FOR_TESTS} outside its tests"));
        } else if level(dependency).is_some_and(|level| level >= own) {
            wrong.push(format!("{name} depends on {dependency}, which is not below it"));
        }
    }
    let refused = REFUSED.iter().filter(|(who, _)| *who == name).flat_map(|(_, what)| *what);
    for what in refused.filter(|what| dependencies.contains(what)) {
        wrong.push(format!("{name} refuses to know {what}, and depends on it"));
    }
}

/// Leftovers that must not be committed.
const LEFTOVERS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[igno", "re"), concat!("dbg", "!(")];
const LINES_MAX: usize = 600;

fn check_sources(folder: &Path, wrong: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            check_sources(&path, wrong)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            if text.lines().count() > LINES_MAX {
                wrong.push(format!("{} has more than {LINES_MAX} lines: look for the seam", path.display()));
            }
            for leftover in LEFTOVERS.iter().filter(|leftover| text.contains(**leftover)) {
                wrong.push(format!("{} contains {leftover}", path.display()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, manifest: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        check_dependencies(name, &manifest.parse().unwrap(), &mut wrong);
        wrong
    }

    #[test]
    fn the_tree_is_tidy() {
        tidy().unwrap();
    }

    #[test]
    fn dependencies_point_one_way() {
        assert!(findings("flow-room", "[dependencies]\nflow-model = {}\nflow-store = {}").is_empty());
        assert_eq!(findings("flow-model", "[dependencies]\nflow-room = {}").len(), 1);
        assert_eq!(findings("flow-store", "[dependencies]\nflow-protocol = {}").len(), 1, "neighbours");
        assert_eq!(findings("flow-room", "[dependencies]\nflow-testing = {}").len(), 1);
        assert!(findings("flow-room", "[dev-dependencies]\nflow-testing = {}").is_empty());
    }

    #[test]
    fn what_a_crate_refuses_to_know_is_found() {
        assert_eq!(findings("flow-model", "[dependencies]\ntokio = {}").len(), 1);
        assert_eq!(findings("flow-server", "[dependencies]\nsqlx = {}").len(), 1);
    }

    #[test]
    fn a_crate_on_no_level_is_found() {
        assert_eq!(findings("flow-novel", "").len(), 1);
    }
}
