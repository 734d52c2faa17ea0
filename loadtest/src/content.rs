//! A flow with much in it, and whether a peer has all of it.

use anyhow::{Context, ensure};
use flow_model::FlowJson;
use serde_json::{Value, json};
use uuid::Uuid;
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;
use yrs::{Doc, Map as _, ReadTxn as _, Transact as _, Update};

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    pub(crate) edges: usize,
}

/// Nodes and edges with so little in them that 10,000 and 15,000 of them are 2.5 MB, encoded.
fn node(at: usize) -> Value {
    let (kind, data) = match at % 10 {
        0 => ("note", json!({ "text": format!("What step {at} is for."), "colour": "blue" })),
        _ => ("set", json!({})),
    };
    json!({ "id": format!("n{at}"), "type": kind, "typeVersion": 1, "data": data })
}

/// A flow of this size in its JSON form.
pub(crate) fn flow(size: Size) -> Value {
    let nodes: Vec<Value> = (0..size.nodes).map(node).collect();
    let count = size.nodes.max(1);
    let edges: Vec<Value> = (0..size.edges)
        .map(|at| {
            let (source, step) = (at % count, at / count + 1);
            json!({
                "id": format!("e{at}"), "source": format!("n{source}"), "sourceHandle": "out",
                "target": format!("n{}", (source + step) % count),
            })
        })
        .collect();
    let layout: serde_json::Map<String, Value> = (0..size.nodes)
        .map(|at| (format!("n{at}"), json!({ "x": at % 100 * 220, "y": at / 100 * 140 })))
        .collect();
    json!({ "interflow": 1, "name": "Large flow", "nodes": nodes, "edges": edges, "layout": layout })
}

/// The same as an update, for servers that know no flows.
pub(crate) fn update(size: Size) -> anyhow::Result<Vec<u8>> {
    let flow = FlowJson::from_value(&flow(size)).context("the flow to load is none")?;
    Ok(flow.initial_update(Uuid::new_v4()))
}

/// What a document has that is made of this update, and its state vector.
pub(crate) fn read(update: &[u8]) -> anyhow::Result<(Size, Vec<u8>)> {
    let doc = Doc::new();
    let (nodes, edges) = (doc.get_or_insert_map("nodes"), doc.get_or_insert_map("edges"));
    let decoded = Update::decode_v1(update).context("the content is no update")?;
    doc.transact_mut().apply_update(decoded).context("the content cannot be applied")?;
    let txn = doc.transact();
    let count = |length: u32| usize::try_from(length).unwrap_or(usize::MAX);
    let size = Size { nodes: count(nodes.len(&txn)), edges: count(edges.len(&txn)) };
    Ok((size, txn.state_vector().encode_v1()))
}

/// # Errors
/// When something is missing.
pub(crate) fn verify(update: &[u8], expected: Size) -> anyhow::Result<()> {
    let (found, _) = read(update)?;
    ensure!(
        found == expected,
        "a peer was sent {} nodes and {} edges, not {} and {}",
        found.nodes,
        found.edges,
        expected.nodes,
        expected.edges
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_of_the_reach_table_has_two_and_a_half_megabytes() {
        let bytes = update(Size { nodes: 10_000, edges: 15_000 }).unwrap().len();
        assert!((2_400_000..2_650_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn everything_arrives_and_less_is_noticed() {
        let size = Size { nodes: 30, edges: 45 };
        let update = update(size).unwrap();
        verify(&update, size).unwrap();
        assert!(verify(&update, Size { edges: 46, ..size }).is_err());
        assert!(verify(&[0, 0], size).is_err());
    }
}
