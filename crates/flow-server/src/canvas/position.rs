use flow_base::RunId;
use flow_executor::runner::{RunView, Turned};
use flow_store::{RunKind, RunStatus};
use serde::Serialize;
use serde_json::{Value, json};

/// Of a turn, so many of its last steps are shown.
const TRAIL: usize = 32;
/// As presence is bounded, too; ids may be long.
const TRAIL_BYTES: usize = 4 << 10;

/// Where a run stands, as it is shown.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    id: RunId,
    #[serde(serialize_with = "kind")]
    kind: RunKind,
    #[serde(serialize_with = "text")]
    pub(super) status: RunStatus,
    /// Of several that show the same run, the highest is the newest.
    version: u64,
    /// The node that it waits at or was at last.
    node: Option<String>,
    /// The nodes visited in the last turn, and the outputs they were left by.
    trail: Vec<Passed>,
    /// Who began it; guests have no name.
    pub(super) by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Passed {
    node: String,
    /// None where the run ended.
    port: Option<String>,
}

impl Position {
    pub(super) fn of(run: RunId, kind: RunKind) -> Self {
        Self { id: run, kind, status: RunStatus::Busy, version: 0, node: None, trail: Vec::new(), by: None }
    }

    pub(super) const fn is_unknown(&self) -> bool {
        self.version == 0
    }

    /// A turn has brought it further.
    pub(super) fn take(&mut self, turn: &Turned) {
        if turn.version <= self.version {
            return;
        }
        self.version = turn.version;
        self.status = RunStatus::from_text(&turn.status).unwrap_or(self.status);
        self.trail.clear();
        for entry in &turn.entries {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            match entry["type"].as_str() {
                Some("step") => {
                    self.node = text(&entry["node"]);
                    self.trail
                        .extend(text(&entry["node"]).map(|node| Passed { node, port: text(&entry["port"]) }));
                }
                Some("calling") => self.node = text(&entry["request"]["node"]),
                Some("paused" | "emitted" | "refused") => self.node = text(&entry["node"]),
                _ => {}
            }
        }
        let mut bytes = 0;
        let kept = self.trail.iter().rev().take(TRAIL).take_while(|passed| {
            bytes += passed.node.len() + passed.port.as_ref().map_or(0, String::len);
            bytes <= TRAIL_BYTES
        });
        let more = self.trail.len() - kept.count();
        self.trail.drain(..more);
    }

    /// Where it is found to be; how it got there is not known.
    pub(super) fn read(&mut self, view: &RunView) {
        if view.version <= self.version {
            return;
        }
        self.version = view.version;
        self.status = view.summary.status;
        self.node = view.node.clone().or(self.node.take());
        self.trail.clear();
    }

    /// The state of its presence.
    pub(super) fn to_state(&self) -> Value {
        json!({ "run": self })
    }
}

fn kind<S: serde::Serializer>(kind: &RunKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

fn text<S: serde::Serializer>(status: &RunStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}
