use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use flow_base::RunId;
use flow_store::RunSummary;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::machine::{State, StateError};
use crate::plan::{Mock, Plan};
use crate::value::Value;

/// What is kept of runs between their turns: they are read again when somebody else has
/// moved them on.
const KEPT: usize = 1_000;

/// One place for each run that this node has to do with: its turns come one after another.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: DashMap<RunId, Arc<Mutex<Slot>>>,
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) loaded: Option<Loaded>,
}

/// A run, as it was read or written last.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) version: u64,
    pub(super) plan: Arc<Plan>,
    pub(super) state: State,
    pub(super) mocks: BTreeMap<String, Mock>,
    pub(super) summary: RunSummary,
}

impl Slots {
    pub(super) async fn lock(&self, run: RunId) -> OwnedMutexGuard<Slot> {
        self.tidy();
        let slot = Arc::clone(&self.slots.entry(run).or_default());
        slot.lock_owned().await
    }

    /// Lets go of what is not in use, when there is much of it.
    fn tidy(&self) {
        if self.slots.len() > KEPT {
            self.slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
    }

    /// A run that has ended is not needed any more.
    pub(super) fn forget(&self, run: RunId) {
        // Whoever waits for it holds it.
        self.slots.remove_if(&run, |_, slot| Arc::strong_count(slot) <= 2);
    }
}

/// How the state of a run is stored: with the mocks that it alone has.
#[derive(Serialize, Deserialize)]
struct Envelope {
    machine: Json,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    mocks: BTreeMap<String, StoredMock>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredMock {
    Output(Json),
    Error(String),
    Sequence(Vec<StoredMock>),
}

impl From<&Mock> for StoredMock {
    fn from(mock: &Mock) -> Self {
        match mock {
            Mock::Output(value) => Self::Output(value.to_typed_json()),
            Mock::Error(message) => Self::Error(message.clone()),
            Mock::Sequence(mocks) => Self::Sequence(mocks.iter().map(Self::from).collect()),
        }
    }
}

impl From<StoredMock> for Mock {
    fn from(mock: StoredMock) -> Self {
        match mock {
            StoredMock::Output(json) => Self::Output(Value::from_typed_json(&json)),
            StoredMock::Error(message) => Self::Error(message),
            StoredMock::Sequence(mocks) => Self::Sequence(mocks.into_iter().map(Self::from).collect()),
        }
    }
}

pub(super) fn write(state: &State, plan: &Plan, mocks: &BTreeMap<String, Mock>) -> Vec<u8> {
    let mocks = mocks.iter().map(|(node, mock)| (node.clone(), mock.into())).collect();
    let envelope = Envelope { machine: state.to_json(plan), mocks };
    serde_json::to_vec(&envelope).expect("it has no keys that are not texts")
}

/// The mocks, which the plan is made with, and the state, which is read with the plan.
pub(super) fn read(bytes: &[u8]) -> Result<(BTreeMap<String, Mock>, Json), StateError> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| StateError(error.to_string()))?;
    let mocks = envelope.mocks.into_iter().map(|(node, stored)| (node, stored.into())).collect();
    Ok((mocks, envelope.machine))
}
