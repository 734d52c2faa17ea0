use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;

use crate::run::{cargo, root, run};
use crate::web;

/// Builds everything in release mode and becomes the server.
pub(crate) fn up(arguments: &[String]) -> anyhow::Result<()> {
    web::install()?;
    web::build()?;
    run(&cargo(), &["build", "--release", "--package", "interflow"])?;
    println!("\nOpen http://127.0.0.1:8080 in a browser, create an account, and draw a flow.");
    println!("Data is kept in ./interflow-data; Ctrl+C stops the server.\n");
    let mut server = Command::new(target().join("release/interflow"));
    server.arg("serve").args(arguments).current_dir(root());
    // The server takes this process's place, and with it Ctrl+C.
    Err(server.exec()).context("could not start the server")
}

/// Where cargo builds.
pub(crate) fn target() -> std::path::PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => root().join(target),
        None => root().join("target"),
    }
}
