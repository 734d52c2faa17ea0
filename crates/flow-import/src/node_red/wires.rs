//! Wires as edges: through subflows, junctions and links, to the nodes at their ends.

use std::collections::BTreeSet;

use serde_json::Value;

use super::expand::{Flat, Flats};
use super::one_line;
use super::read::Item;
use crate::ImportError;
use crate::draft::Draft;
use crate::note::NoteCode;

/// Steps along wires in all. Junctions wired to each other could make them many more
/// than there are wires.
const STEPS_MAX: usize = 1_000_000;

/// Draws the edges of all nodes. `exits` says of each where its wires begin.
pub(super) fn connect(
    draft: &mut Draft,
    flats: &Flats<'_>,
    exits: &[(String, Vec<String>)],
) -> Result<(), ImportError> {
    let mut steps = 0;
    for (flat, (source, outputs)) in flats.nodes.iter().zip(exits) {
        if passes_on(flat.item) {
            continue;
        }
        let wires = flat.item.wires.len().max(1);
        let leading_out = flats.exits.range((flat.key.clone(), wires)..);
        if leading_out.take_while(|((key, _), _)| *key == flat.key).next().is_some() {
            let message = "an output that is not there leads out of the subflow";
            draft.note(Some(source), NoteCode::DanglingEdge, message);
        }
        for at in 0..wires {
            let next = first(flats, flat, at);
            let Some(handle) = outputs.get(at).or(outputs.last()) else {
                if !next.is_empty() {
                    draft.note(Some(source), NoteCode::DanglingEdge, "a wire leads on from where runs end");
                }
                continue;
            };
            let mut ends = Ends {
                flats,
                draft,
                source,
                disabled: flat.disabled,
                found: Vec::new(),
                seen: BTreeSet::new(),
                steps: &mut steps,
            };
            ends.follow(next)?;
            let found = ends.found;
            for target in without_debug(draft, source, found) {
                draft.connect(source, handle, &target.id)?;
            }
        }
    }
    Ok(())
}

/// What a node's output is wired to, inside its subflow and out of it.
fn first(flats: &Flats<'_>, flat: &Flat<'_>, at: usize) -> Vec<String> {
    let own = flat.item.wires.get(at).into_iter().flatten().map(|id| format!("{}{id}", flat.prefix));
    let out = flats.exits.get(&(flat.key.clone(), at)).into_iter().flatten().cloned();
    own.chain(out).collect()
}

/// Nodes that are no nodes here.
pub(super) fn passes_on(item: &Item<'_>) -> bool {
    match item.kind {
        "junction" | "link in" => true,
        "link out" => item.value.get("mode").and_then(Value::as_str) != Some("return"),
        _ => false,
    }
}

struct Ends<'a, 'd, 'v> {
    flats: &'a Flats<'v>,
    draft: &'d mut Draft,
    source: &'d str,
    disabled: bool,
    found: Vec<&'a Flat<'v>>,
    seen: BTreeSet<String>,
    steps: &'d mut usize,
}

impl Ends<'_, '_, '_> {
    /// Follows wires with a list of its own: they may be as long as there are nodes.
    fn follow(&mut self, wires: Vec<String>) -> Result<(), ImportError> {
        // Last in, first out, and in the order of the wires.
        let mut waiting: Vec<String> = wires.into_iter().rev().collect();
        while let Some(key) = waiting.pop() {
            *self.steps += 1;
            if *self.steps > STEPS_MAX {
                return Err(ImportError::new(
                    "",
                    "the wires between junctions, links and subflows are too many",
                ));
            }
            if !self.seen.insert(key.clone()) {
                continue;
            }
            if let Some(entries) = self.flats.entries.get(&key) {
                waiting.extend(entries.iter().rev().cloned());
            } else if let Some(at) = self.flats.by_key.get(&key) {
                let flat = &self.flats.nodes[*at];
                if flat.disabled && !self.disabled {
                    // There nothing gets past a node that is off; here it would.
                    let message = format!("the wire to {}, which is off, was left out", one_line(&key));
                    self.draft.changed(self.source, message);
                } else if passes_on(flat.item) {
                    let next = onwards(self.flats, flat);
                    waiting.extend(next.into_iter().rev());
                } else if flat.item.kind == "comment" || self.draft.is_start(&flat.id) {
                    let message = format!("a wire leads to {}, which cannot be entered", one_line(&key));
                    self.draft.note(Some(self.source), NoteCode::DanglingEdge, message);
                } else {
                    self.found.push(flat);
                }
            } else {
                let message = format!("a wire leads to {}, which is not there", one_line(&key));
                self.draft.note(Some(self.source), NoteCode::DanglingEdge, message);
            }
        }
        Ok(())
    }
}

fn onwards(flats: &Flats<'_>, flat: &Flat<'_>) -> Vec<String> {
    if flat.item.kind == "link out" {
        let links = flat.item.value.get("links").and_then(Value::as_array);
        let links = links.into_iter().flatten().filter_map(Value::as_str);
        // Links lead to other tabs as well, where nothing is prefixed.
        let key = |id: &str| {
            let near = format!("{}{id}", flat.prefix);
            if flats.by_key.contains_key(&near) { near } else { id.to_owned() }
        };
        return links.map(key).collect();
    }
    (0..flat.item.wires.len().max(1)).flat_map(|at| first(flats, flat, at)).collect()
}

/// A run takes one way, and showing a message to developers is none: where an output
/// leads to more than that, its edges to debug nodes at whose end nothing follows go.
fn without_debug<'a, 'v>(draft: &mut Draft, source: &str, found: Vec<&'a Flat<'v>>) -> Vec<&'a Flat<'v>> {
    let ends = |flat: &&Flat<'_>| flat.item.kind == "debug" && flat.item.wires.iter().all(Vec::is_empty);
    if found.len() < 2 || !found.iter().any(&ends) {
        return found;
    }
    let (debug, mut rest): (Vec<_>, Vec<_>) = found.into_iter().partition(ends);
    if rest.is_empty() {
        rest.push(debug[0]);
    }
    draft.changed(source, "debug nodes beside other nodes are not connected");
    rest
}
