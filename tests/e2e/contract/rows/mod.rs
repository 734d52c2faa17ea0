//! For each operation a request that succeeds, one file for each area.

mod account;
mod content;
mod flows;
mod runs;
mod server;
mod versions;
mod workspaces;

use super::sample::Row;

pub(super) fn rows() -> Vec<Row> {
    [
        account::rows(),
        content::rows(),
        flows::rows(),
        runs::rows(),
        server::rows(),
        versions::rows(),
        workspaces::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
