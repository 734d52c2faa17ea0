//! Prints the page that lists the diagnostics:
//! `cargo run -p flow-model --example diagnostics > docs/diagnostics.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(flow_model::diagnostics_page().as_bytes())
}
