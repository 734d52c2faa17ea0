//! Reading the JSON form; every error says where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{JSON_VERSION, JsonError};
use crate::edit::{Strictness, normal_data, normal_tests};
use crate::fields::spec;
use crate::graph::{Edge, Extra, FlowGraph, Layout, Meta, Node, Test, Variable};
use crate::key::{edge_id, is_key};
use crate::value::normal;
use crate::{EDGES_MAX, NODES_MAX, TESTS_MAX};

pub(super) fn flow(value: &Value) -> Result<FlowGraph, JsonError> {
    let mut members = Members::of(value, "")?;
    match members.take("interflow").and_then(whole) {
        Some(JSON_VERSION) => {}
        _ => return Err(error("interflow", format!("expected version {JSON_VERSION} of the form"))),
    }
    let mut graph = FlowGraph::default();
    let mut meta = Meta {
        name: members.text("name")?.unwrap_or_default(),
        description: members.text("description")?.unwrap_or_default(),
        tags: tags(members.take("tags"))?,
        ..Meta::default()
    };
    for (at, value) in array(members.take("nodes"), "nodes", NODES_MAX)?.iter().enumerate() {
        let node = node(value, &format!("nodes/{at}"))?;
        if graph.nodes.insert(Arc::clone(&node.id), Arc::new(node)).is_some() {
            return Err(error(&format!("nodes/{at}/id"), "another node has this id"));
        }
    }
    for (at, value) in array(members.take("edges"), "edges", EDGES_MAX)?.iter().enumerate() {
        let edge = edge(value, &format!("edges/{at}"))?;
        if graph.edges.insert(Arc::clone(&edge.id), Arc::new(edge)).is_some() {
            return Err(error(&format!("edges/{at}"), "another edge has this id, or the same ends"));
        }
    }
    for (id, value, path) in members.inner("layout")?.entries() {
        let layout = layout(value, &path)?;
        let node = graph.nodes.get(id).ok_or_else(|| error(&path, "there is no such node"))?;
        graph.layout.insert(Arc::clone(&node.id), layout);
    }
    for (name, value, path) in members.inner("variables")?.entries() {
        graph.variables.insert(Arc::from(key(name, &path)?), Arc::new(variable(value, &path)?));
    }
    graph.settings = Arc::new(members.inner("settings")?.rest()?);
    graph.tests = tests(members.take("tests"))?;
    for name in ["schema", "lineage"] {
        if members.take(name).is_some() {
            return Err(error(name, "this belongs to a document and not to its JSON form"));
        }
    }
    meta.extra = members.rest()?;
    graph.meta = Arc::new(meta);
    Ok(graph)
}

fn tags(value: Option<&Value>) -> Result<Vec<String>, JsonError> {
    let mut tags = BTreeSet::new();
    for (at, tag) in array(value, "tags", usize::MAX)?.iter().enumerate() {
        let path = format!("tags/{at}");
        let tag = tag.as_str().ok_or_else(|| error(&path, "expected a text"))?;
        tags.insert(key(tag, &path)?.to_owned());
    }
    Ok(tags.into_iter().collect())
}

fn tests(value: Option<&Value>) -> Result<BTreeMap<Arc<str>, Arc<Test>>, JsonError> {
    let entries = array(value, "tests", TESTS_MAX)?;
    if let Some(at) = entries.iter().position(|entry| !entry.is_object()) {
        return Err(error(&format!("tests/{at}"), "expected an object"));
    }
    let tests = normal_tests(entries).map_err(|refusal| error("tests", refusal.to_string()))?;
    Ok(tests.into_iter().map(|test| (Arc::clone(&test.id), Arc::new(test))).collect())
}

fn node(value: &Value, path: &str) -> Result<Node, JsonError> {
    let mut members = Members::of(value, path)?;
    let id = members.required("id")?;
    let node_type = members.required("type")?;
    if node_type.is_empty() {
        return Err(error(&format!("{path}/type"), "a node needs a type"));
    }
    let type_version = match members.take("typeVersion") {
        None => 1,
        Some(version) => whole(version)
            .and_then(|version| u32::try_from(version).ok())
            .ok_or_else(|| error(&format!("{path}/typeVersion"), "expected a whole number"))?,
    };
    let known = spec(&node_type, type_version);
    let data = match members.take("data") {
        None => BTreeMap::new(),
        Some(Value::Object(fields)) => normal_data(fields, &|name| known?.field(name), Strictness::AsIs)
            .map_err(|refusal| error(&format!("{path}/data"), refusal.to_string()))?,
        Some(_) => return Err(error(&format!("{path}/data"), "expected an object")),
    };
    Ok(Node {
        id: Arc::from(key(&id, &format!("{path}/id"))?),
        node_type,
        type_version,
        label: members.text("label")?,
        disabled: match members.take("disabled") {
            None => false,
            Some(Value::Bool(disabled)) => *disabled,
            Some(_) => return Err(error(&format!("{path}/disabled"), "expected true or false")),
        },
        parent: members.text("parent")?,
        data,
        extra: members.rest()?,
    })
}

fn edge(value: &Value, path: &str) -> Result<Edge, JsonError> {
    let mut members = Members::of(value, path)?;
    let (source, target) = (members.required("source")?, members.required("target")?);
    let (source_handle, target_handle) = (members.text("sourceHandle")?, members.text("targetHandle")?);
    let id = match members.text("id")? {
        Some(id) => key(&id, &format!("{path}/id"))?.to_owned(),
        None => edge_id(&source, source_handle.as_deref(), &target, target_handle.as_deref()),
    };
    let (id, label) = (Arc::from(id), members.text("label")?);
    Ok(Edge { id, source, source_handle, target, target_handle, label, extra: members.rest()? })
}

fn layout(value: &Value, path: &str) -> Result<Layout, JsonError> {
    let mut members = Members::of(value, path)?;
    let mut number = |name: &str| match members.take(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(error(&format!("{path}/{name}"), "expected a number")),
        },
    };
    let (x, y, w, h) = (number("x")?, number("y")?, number("w")?, number("h")?);
    let (Some(x), Some(y)) = (x, y) else { return Err(error(path, "expected x and y")) };
    Ok(Layout { x, y, w, h })
}

fn variable(value: &Value, path: &str) -> Result<Variable, JsonError> {
    let mut members = Members::of(value, path)?;
    let default = members.take("default").map(|value| deep(value, &format!("{path}/default"))).transpose()?;
    Ok(Variable {
        value_type: members.text("type")?.unwrap_or_else(|| "any".into()),
        default,
        description: members.text("description")?,
        extra: members.rest()?,
    })
}

/// The members of an object, taken one by one; `null` is no member.
struct Members<'v> {
    members: BTreeMap<&'v str, &'v Value>,
    path: String,
}

impl<'v> Members<'v> {
    fn of(value: &'v Value, path: &str) -> Result<Self, JsonError> {
        let members = value.as_object().ok_or_else(|| error(path, "expected an object"))?;
        let members = members.iter().filter(|(_, value)| !value.is_null());
        Ok(Self {
            members: members.map(|(key, value)| (key.as_str(), value)).collect(),
            path: path.to_owned(),
        })
    }

    fn take(&mut self, name: &str) -> Option<&'v Value> {
        self.members.remove(name)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, JsonError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(error(&self.at(name), "expected a text")),
        }
    }

    fn required(&mut self, name: &str) -> Result<String, JsonError> {
        self.text(name)?.ok_or_else(|| error(&self.at(name), "this is missing"))
    }

    fn inner(&mut self, name: &str) -> Result<Members<'v>, JsonError> {
        static NONE: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| Value::Object(Map::new()));
        let path = self.at(name);
        Members::of(self.take(name).unwrap_or(&NONE), &path)
    }

    fn entries(&self) -> impl Iterator<Item = (&'v str, &'v Value, String)> {
        self.members.iter().map(|(key, value)| (*key, *value, self.at(key)))
    }

    /// What nobody asked for: unknown keys, kept.
    fn rest(self) -> Result<Extra, JsonError> {
        let mut rest = Extra::new();
        for (name, value, path) in self.entries() {
            rest.insert(key(name, &path)?.to_owned(), deep(value, &path)?);
        }
        Ok(rest)
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }
}

fn array<'v>(value: Option<&'v Value>, path: &str, max: usize) -> Result<&'v [Value], JsonError> {
    match value {
        None => Ok(&[]),
        Some(Value::Array(items)) if items.len() > max => {
            Err(error(path, format!("a flow has at most {max}")))
        }
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(error(path, "expected an array")),
    }
}

/// To JSON `1.0` is the whole number 1; some programs write all numbers so.
#[expect(clippy::cast_possible_truncation, reason = "it is whole, and no larger than is exact")]
fn whole(value: &Value) -> Option<i64> {
    let exact = |number: &f64| number.fract() == 0.0 && number.abs() <= f64::from(u32::MAX);
    value.as_i64().or_else(|| value.as_f64().filter(exact).map(|number| number as i64))
}

fn key<'k>(text: &'k str, path: &str) -> Result<&'k str, JsonError> {
    if is_key(text) { Ok(text) } else { Err(error(path, "this cannot be used as an id or key")) }
}

fn deep(value: &Value, path: &str) -> Result<Value, JsonError> {
    normal(value).ok_or_else(|| error(path, "this is nested too deeply"))
}

fn error(path: &str, message: impl Into<String>) -> JsonError {
    JsonError { path: path.to_owned(), message: message.into() }
}
