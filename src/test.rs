//! `interflow test`: the test cases of a flow, run by a server or, of a file, here.

mod junit;
mod tell;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use flow_base::FlowId;
use flow_client::{Api, RunTests};
use flow_executor::cases::{CaseLimits, CaseStatus, Report, run_cases};
use flow_model::FlowJson;
use serde_json::Value;

use crate::cli::Failure;
use crate::maintenance::output;
use crate::server::{Server, refused};

/// Runs the test cases of a flow. Nobody is called and nothing is sent: nodes that call yield
/// what their mocks say. Exit code 0: all passed; 1: some did not; 2: there is no such case.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The id of a flow of a server, or a file of Interflow JSON, which needs no server.
    #[arg(value_parser = tested)]
    flow: Tested,
    /// A version, with the test cases it had, in place of the flow as it is.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// Only the test case of this name or id. May be given several times.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Writes what came of them as JUnit's XML, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// The whole report, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Clone)]
enum Tested {
    Flow(FlowId),
    File(PathBuf),
}

/// An id is no name of a file that anybody has.
#[expect(clippy::unnecessary_wraps, reason = "what clap asks of a parser")]
fn tested(text: &str) -> Result<Tested, std::convert::Infallible> {
    Ok(text.parse().map_or_else(|_| Tested::File(text.into()), Tested::Flow))
}

impl Test {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Self { flow, version, cases, junit, json, server } = self;
        let (flow, report) = match flow {
            Tested::File(path) => {
                if version.is_some() {
                    return Err(wrong("a file has no versions"));
                }
                // Nothing else is done meanwhile.
                tokio::task::block_in_place(|| of_file(&path, &cases))?
            }
            Tested::Flow(id) => of_server(&server.sign_in().await?, id, version, &cases).await?,
        };
        if let Some(path) = junit {
            let written = fs::write(&path, junit::xml(&flow, &report)?);
            written.with_context(|| format!("could not write {}", path.display()))?;
        }
        if json {
            let report = serde_json::to_value(&report).context("could not write")?;
            output::json(&report)?;
        } else {
            tell::report(&flow, &report)?;
        }
        let failed = report.failed + report.errors;
        if report.status == CaseStatus::Passed {
            return Ok(());
        }
        Err(anyhow!("{failed} of {} test cases did not pass", report.cases.len()).into())
    }
}

fn of_file(path: &Path, cases: &[String]) -> Result<(FlowJson, Report), Failure> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let flow = FlowJson::parse(&text).with_context(|| format!("{} holds no flow", path.display()))?;
    let only = ids(&flow, cases)?;
    let report = run_cases(flow.graph(), only.as_deref(), &CaseLimits::default());
    let report = report.context("a test case that was found is not there")?;
    Ok((flow, report))
}

async fn of_server(
    api: &Api,
    id: FlowId,
    version: Option<u32>,
    cases: &[String],
) -> Result<(FlowJson, Report), Failure> {
    let failed = |error| refused(error, format!("could not test flow {id}"));
    let json: Value = match version {
        None => api.export_flow(id).await.map_err(failed)?,
        Some(version) => api.version(id, version).await.map_err(failed)?.flow,
    };
    let flow = FlowJson::from_value(&json).with_context(|| format!("flow {id} cannot be read"))?;
    let tests = ids(&flow, cases)?;
    let done = api.run_tests(id, &RunTests { version, tests }).await.map_err(failed)?;
    let report = serde_json::from_value(done.report).context("the server answered with another report")?;
    Ok((flow, report))
}

/// The ids of the cases that are meant; nothing where none is named.
fn ids(flow: &FlowJson, cases: &[String]) -> Result<Option<Vec<String>>, Failure> {
    if cases.is_empty() {
        return Ok(None);
    }
    let tests = flow.graph().tests_in_order();
    let mut ids = Vec::new();
    for case in cases {
        let meant = tests.iter().filter(|test| test.name() == case || *test.id == **case);
        let before = ids.len();
        ids.extend(meant.map(|test| test.id.to_string()));
        if ids.len() == before {
            return Err(wrong(&format!("there is no test case {case:?}")));
        }
    }
    Ok(Some(ids))
}

fn wrong(message: &str) -> Failure {
    Failure { error: anyhow!("{message}"), code: 2 }
}
