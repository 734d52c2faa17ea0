//! `interflow flow list`, `export` and `import`: the flows of a server, through its API.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use flow_base::{FlowId, WorkspaceId};
use flow_client::{Api, Flow, ImportFlow, Imported, ListFlows};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::audit::workspace_id;
use crate::cli::{Failure, flow_id};
use crate::maintenance::output;
use crate::server::{Server, refused};

/// Flows in memory at a time.
const PAGE: u32 = 200;
/// A larger file is refused before it is read: no server takes it.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Prints a line for each flow: its id, what the caller is to it, whether it runs, its name.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Beginnings of words of name, description and tags.
    #[arg(long)]
    search: Option<String>,
    #[arg(long)]
    tag: Option<String>,
    /// active or draft.
    #[arg(long, value_parser = ["active", "draft"])]
    status: Option<String>,
    #[arg(long, value_parser = workspace_id)]
    workspace: Option<WorkspaceId>,
    /// updatedAt, createdAt or name; a - before it turns the order round.
    #[arg(long, default_value = "-updatedAt", allow_hyphen_values = true)]
    sort: String,
    /// At most so many; all, if it is not given.
    #[arg(long)]
    limit: Option<u64>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Writes flows in Interflow JSON: one to standard output, or each to a file of a folder.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The flows; with --all, all that the caller can see.
    #[arg(value_parser = flow_id, required_unless_present = "all")]
    flows: Vec<FlowId>,
    #[arg(long, conflicts_with = "flows")]
    all: bool,
    /// A folder, for files named by the flows' ids.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

/// Creates a flow from each file: Interflow JSON, or an export of Typebot or Node-RED.
/// Prints its id, its name and the file. What was lost on the way is said on standard
/// error. Goes on after a file that cannot be imported; exit code 1 then.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// interflow, typebot or node-red; found out, if it is not given.
    #[arg(long, value_name = "FORMAT")]
    from: Option<String>,
    /// For a single file: a name in place of the one in it.
    #[arg(long)]
    name: Option<String>,
    /// Where the flows are to be; the caller's personal workspace, if it is not given.
    #[arg(long, value_parser = workspace_id)]
    workspace: Option<WorkspaceId>,
    /// One JSON object a line, with the notes in it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl List {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Self { search, tag, status, workspace, sort, limit, json, server } = self;
        let api = server.sign_in().await?;
        let query = ListFlows { search, tag, status, workspace, sort: Some(sort), ..ListFlows::default() };
        let mut left = limit.unwrap_or(u64::MAX);
        let mut pages = Pages::new(&api, query);
        while left > 0
            && let Some(page) = pages.next().await?
        {
            for flow in page.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                tell(flow, json)?;
                left -= 1;
            }
        }
        Ok(())
    }
}

fn tell(flow: &Flow, as_json: bool) -> anyhow::Result<()> {
    let status = if flow.active_version.is_some() { "active" } else { "draft" };
    if as_json {
        return output::json(&json!({
            "id": flow.id,
            "workspaceId": flow.workspace_id,
            "name": flow.name,
            "description": flow.description,
            "tags": flow.tags,
            "role": flow.role,
            "status": status,
            "slug": flow.slug,
        }));
    }
    output::line(&format!("{} {:9} {status:6} {}", flow.id, flow.role.as_str(), flow.name))
}

/// A list, page by page.
struct Pages<'a> {
    api: &'a Api,
    query: ListFlows,
    cursor: Option<String>,
    ended: bool,
}

impl<'a> Pages<'a> {
    const fn new(api: &'a Api, query: ListFlows) -> Self {
        Self { api, query, cursor: None, ended: false }
    }

    async fn next(&mut self) -> Result<Option<Vec<Flow>>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let page = self.api.list_flows(&self.query, PAGE, self.cursor.as_deref()).await;
        let page = page.map_err(|error| refused(error, "could not list the flows".to_owned()))?;
        self.ended = page.next_cursor.is_none();
        self.cursor = page.next_cursor;
        Ok(Some(page.items))
    }
}

impl Export {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Self { flows, all, output: folder, server } = self;
        if folder.is_none() && (all || flows.len() > 1) {
            return Err(Failure { error: anyhow!("several flows need a folder: --output"), code: 2 });
        }
        let api = server.sign_in().await?;
        let flows = if all { every_flow(&api).await? } else { flows };
        let Some(folder) = folder else {
            for flow in flows {
                output::line(&text(&export(&api, flow).await?)?)?;
            }
            return Ok(());
        };
        fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        let bar = bar(flows.len());
        for flow in flows {
            let file = folder.join(format!("{flow}.json"));
            let content = text(&export(&api, flow).await?)?;
            fs::write(&file, content).with_context(|| format!("could not write {}", file.display()))?;
            bar.inc(1);
        }
        bar.finish();
        Ok(())
    }
}

async fn every_flow(api: &Api) -> Result<Vec<FlowId>, Failure> {
    let (mut flows, mut pages) = (Vec::new(), Pages::new(api, ListFlows::default()));
    while let Some(page) = pages.next().await? {
        flows.extend(page.iter().map(|flow| flow.id));
    }
    Ok(flows)
}

async fn export(api: &Api, flow: FlowId) -> Result<Value, Failure> {
    api.export_flow(flow).await.map_err(|error| refused(error, format!("could not export {flow}")))
}

fn text(flow: &Value) -> anyhow::Result<String> {
    serde_json::to_string_pretty(flow).context("could not write JSON")
}

impl Import {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Self { files, from, name, workspace, json, server } = self;
        if name.is_some() && files.len() > 1 {
            return Err(Failure { error: anyhow!("--name is for a single file"), code: 2 });
        }
        let api = server.sign_in().await?;
        let (bar, mut failed) = (bar(files.len()), 0_u64);
        for file in &files {
            let one = ImportFlow {
                format: from.clone(),
                name: name.clone(),
                workspace_id: workspace,
                data: Value::Null,
            };
            match import(&api, file, one).await {
                // Beside the bar, which would be written over.
                Ok(imported) => bar.suspend(|| tell_imported(file, &imported, json))?,
                Err(error) => {
                    failed += 1;
                    bar.suspend(|| output::progress(&format!("{}: {error:#}", file.display())))?;
                }
            }
            bar.inc(1);
        }
        bar.finish();
        match failed {
            0 => Ok(()),
            failed => Err(anyhow!("{} could not be imported", output::count(failed, "file")).into()),
        }
    }
}

async fn import(api: &Api, file: &Path, mut flow: ImportFlow) -> anyhow::Result<Imported> {
    flow.data = read(file)?;
    Ok(api.import_flow(&flow).await?)
}

fn tell_imported(file: &Path, imported: &Imported, as_json: bool) -> anyhow::Result<()> {
    let Imported { flow, format, notes, .. } = imported;
    if as_json {
        return output::json(&json!({
            "file": file.display().to_string(),
            "id": flow.id,
            "name": flow.name,
            "format": format,
            "notes": notes,
        }));
    }
    for note in notes {
        let message = note["message"].as_str().unwrap_or_default();
        output::progress(&format!("{}: {message}", file.display()))?;
    }
    output::line(&format!("{} {} {}", flow.id, flow.name, file.display()))
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let mut text = Vec::new();
    if file == Path::new("-") {
        let read = std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut text);
        read.context("could not read standard input")?;
    } else {
        let opened = fs::File::open(file).context("could not open it")?;
        opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).context("could not read it")?;
    }
    ensure!(text.len() as u64 <= FILE_BYTES_MAX, "it is larger than any flow");
    match serde_json::from_slice(&text) {
        Ok(Value::Null) => bail!("it says nothing"),
        Ok(value) => Ok(value),
        Err(error) => Err(error).context("it is no JSON"),
    }
}

/// For whoever watches; nothing where nobody does, or there is little to do.
fn bar(many: usize) -> ProgressBar {
    if many < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len}, {eta} left");
    ProgressBar::new(many as u64).with_style(style.expect("the template is right"))
}
