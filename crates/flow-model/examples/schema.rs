//! Prints the JSON Schema of the JSON form:
//! `cargo run -p flow-model --example schema > docs/schema/interflow-1.schema.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(flow_model::json_schema_text().as_bytes())
}
