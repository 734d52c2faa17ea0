//! Flows in files: no server, no database.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use clap::Args;
use flow_import::{Format, ImportNote, Imported};
use flow_model::{Diagnostic, FlowJson, Severity};
use serde::Serialize;
use serde_json::{Value, json};

use super::output;
use crate::cli::Failure;

/// A larger file is refused: no flow comes near, and reading takes many times its size.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Prints what validation finds in a flow in Interflow JSON, and a summary. Exit code 3:
/// there are errors, so that it cannot be published.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// `-` reads standard input.
    file: PathBuf,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a flow in Interflow JSON. What was dropped or works differently is said on
/// standard error.
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// `-` reads standard input.
    file: PathBuf,
    /// interflow, typebot or node-red; found out, if it is not given.
    #[arg(long, value_name = "FORMAT")]
    from: Option<Format>,
    /// Print the notes as lines of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    nodes: usize,
    edges: usize,
    errors: usize,
    warnings: usize,
}

impl Validate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let value = read(&self.file)?;
        let flow = FlowJson::from_value(&value)
            .with_context(|| format!("{} holds no flow in Interflow JSON", self.file.display()))?;
        let graph = flow.graph();
        let findings = flow_model::validate(graph);
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let summary = Summary {
            nodes: graph.nodes.len(),
            edges: graph.edges.len(),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
        };
        for finding in &findings {
            if self.json {
                output::json(finding)?;
            } else {
                output::line(&line(finding))?;
            }
        }
        let many = |many: usize, one| output::count(many as u64, one);
        if self.json {
            output::json(&json!({ "summary": summary }))?;
        } else {
            output::line(&format!(
                "{} and {}: {}, {}",
                many(summary.nodes, "node"),
                many(summary.edges, "edge"),
                many(summary.errors, "error"),
                many(summary.warnings, "warning"),
            ))?;
        }
        match summary.errors {
            0 => Ok(()),
            errors => Err(Failure { error: anyhow!("the flow has {}", many(errors, "error")), code: 3 }),
        }
    }
}

fn line(finding: &Diagnostic) -> String {
    let Diagnostic { severity, code, message, node, edge, field } = finding;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = [("node", node), ("edge", edge), ("field", field)];
    let place: Vec<_> =
        place.iter().filter_map(|(what, id)| Some(format!(" {what} {:?}", id.as_deref()?))).collect();
    format!("{severity} {code}{}: {message}", place.concat())
}

impl Convert {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let value = read(&self.file)?;
        let format = self.from.or_else(|| flow_import::detect(&value));
        let format = format.with_context(|| {
            format!("{} looks like no format that can be read; name it with --from", self.file.display())
        })?;
        let Imported { flow, notes, .. } = flow_import::import(&value, format)
            .with_context(|| format!("{} cannot be read as {format}", self.file.display()))?;
        for ImportNote { node, code, message } in &notes {
            if self.json {
                output::progress(&json!({ "node": node, "code": code, "message": message }).to_string())?;
            } else {
                let node = node.as_deref().map(|node| format!(" node {node:?}")).unwrap_or_default();
                output::progress(&format!("{code}{node}: {message}"))?;
            }
        }
        Ok(output::line(flow.to_text().trim_end())?)
    }
}

/// The file's JSON.
fn read(file: &Path) -> anyhow::Result<Value> {
    let name = file.display();
    let mut bytes = Vec::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes),
        _ => {
            let file = std::fs::File::open(file).with_context(|| format!("could not open {name}"))?;
            file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
        }
    };
    let length = read.with_context(|| format!("could not read {name}"))?;
    ensure!(length as u64 <= FILE_BYTES_MAX, "{name} is larger than {FILE_BYTES_MAX} bytes");
    serde_json::from_slice(&bytes).with_context(|| format!("{name} holds no JSON"))
}
