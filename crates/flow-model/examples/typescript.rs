//! Prints the editor's copy of the field table:
//! `cargo run -p flow-model --example typescript > web/src/model/fields.generated.ts`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(flow_model::fields::typescript().as_bytes())
}
