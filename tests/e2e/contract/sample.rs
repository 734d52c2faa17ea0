use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::world::World;

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub(super) token: Option<String>,
    pub(super) path: BTreeMap<String, String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    /// A body that is no JSON.
    pub(super) content: Option<&'static str>,
}

#[expect(clippy::needless_pass_by_value, reason = "rows are easier to read without borrowing")]
impl Sample {
    pub(super) fn by(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(super) fn at(mut self, name: &str, value: impl ToString) -> Self {
        self.path.insert(name.to_owned(), value.to_string());
        self
    }

    pub(super) fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) fn content(mut self, content: &'static str) -> Self {
        self.content = Some(content);
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// An operation, a request that succeeds, and its status.
pub(super) struct Row {
    pub(super) operation: &'static str,
    pub(super) status: u16,
    /// Makes whatever the request needs.
    pub(super) sample: for<'w> fn(&'w World) -> BoxFuture<'w, Sample>,
}

/// `row!("getFlow", 200, world => world.flow().await)`.
macro_rules! row {
    ($operation:literal, $status:literal, $world:ident => $sample:expr) => {
        $crate::contract::sample::Row {
            operation: $operation,
            status: $status,
            sample: |$world| Box::pin(async move { $sample }),
        }
    };
}
pub(super) use row;
