//! Tabs, groups and subflows, laid out flat: frames, and the nodes in them.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::{EDGES_MAX, NODES_MAX};

use super::one_line;
use super::read::{Export, Group, Item, Subflow};
use super::wires::passes_on;
use crate::ImportError;
use crate::draft::{Draft, Place};
use crate::note::NoteCode;

/// Nodes there are some 120 by 30, named by their middle; here they are 260 by 120.
const SCALE: (f64, f64) = (2.0, 2.5);
const MIDDLE: (f64, f64) = (60.0, 15.0);
/// Room in a frame around what it holds.
const MARGIN: (f64, f64) = (40.0, 90.0);
const NODE_SIZE: (f64, f64) = (260.0, 120.0);
const BETWEEN_TABS: f64 = 160.0;
/// Subflows in subflows; deeper is refused, long before the stack ends.
const NESTED_MAX: usize = 16;
/// Groups in groups; those farther in are drawn outside of them.
const GROUPS_NESTED_MAX: usize = 32;
/// Wires joined to those of subflows, in all: each use of a subflow may join as many
/// as its ends have on both sides, multiplied.
const JOINED_MAX: usize = 10 * EDGES_MAX;

#[derive(Default)]
pub(super) struct Flats<'v> {
    pub(super) frames: Vec<Frame>,
    pub(super) nodes: Vec<Flat<'v>>,
    /// From a key to the place in `nodes`.
    pub(super) by_key: BTreeMap<String, usize>,
    /// Uses of subflows: where a message goes that comes in, and where each output
    /// leads to.
    pub(super) entries: BTreeMap<String, Vec<String>>,
    /// Wires that lead out of a subflow, by node and output.
    pub(super) exits: BTreeMap<(String, usize), Vec<String>>,
}

pub(super) struct Frame {
    pub(super) path: String,
    pub(super) id: String,
    pub(super) source_id: String,
    pub(super) source_type: &'static str,
    pub(super) label: String,
    pub(super) parent: Option<String>,
    pub(super) place: Place,
}

pub(super) struct Flat<'v> {
    /// The id of the export, behind those of the subflows it was copied from.
    pub(super) key: String,
    /// The id of the new flow.
    pub(super) id: String,
    pub(super) item: &'v Item<'v>,
    pub(super) parent: Option<String>,
    pub(super) disabled: bool,
    pub(super) place: Place,
    /// The same for what it is wired to.
    pub(super) prefix: String,
}

pub(super) fn expand<'v>(export: &'v Export<'v>, draft: &mut Draft) -> Result<Flats<'v>, ImportError> {
    let flats = Flats::default();
    let (by_z, groups_by_z) = (BTreeMap::new(), BTreeMap::new());
    let mut expansion = Expansion { export, draft, flats, by_z, groups_by_z, joined: 0 };
    for item in &export.items {
        expansion.by_z.entry(item.z).or_default().push(item);
    }
    for group in &export.groups {
        expansion.groups_by_z.entry(group.z).or_default().insert(group.id, group);
    }
    let tabs: Vec<_> = export.tabs.iter().filter(|tab| expansion.by_z.contains_key(tab.id)).collect();
    let several = tabs.len() > 1;
    let mut y = 0.0;
    for tab in &tabs {
        let mut frame = None;
        let mut within = Within {
            z: tab.id,
            prefix: String::new(),
            parent: None,
            origin: (0.0, 0.0),
            shift: (0.0, 0.0),
            disabled: tab.disabled,
        };
        if several {
            let bounds = expansion.bounds(tab.id);
            let id = expansion.draft.id(tab.id);
            let size = bounds.size();
            expansion.frame(Frame {
                path: tab.path.clone(),
                id: id.clone(),
                source_id: tab.id.to_owned(),
                source_type: "tab",
                label: tab.label.to_owned(),
                parent: None,
                place: Place { x: 0.0, y, size: Some(size) },
            })?;
            y += size.1 + BETWEEN_TABS;
            within.origin = bounds.low;
            within.shift = MARGIN;
            frame = Some(id);
        }
        within.parent = frame;
        expansion.container(&within, &mut Vec::new())?;
    }
    // What lies on no tab of the export: a selection was exported, or its tab was not.
    let known: BTreeSet<&str> =
        export.tabs.iter().map(|tab| tab.id).chain(export.subflows.keys().copied()).collect();
    let loose: Vec<&str> = expansion.by_z.keys().copied().filter(|z| !known.contains(z)).collect();
    for z in loose {
        let within = Within {
            z,
            prefix: String::new(),
            parent: None,
            origin: (0.0, 0.0),
            shift: (0.0, y),
            disabled: false,
        };
        expansion.container(&within, &mut Vec::new())?;
    }
    Ok(expansion.flats)
}

struct Expansion<'v, 'd> {
    export: &'v Export<'v>,
    draft: &'d mut Draft,
    flats: Flats<'v>,
    by_z: BTreeMap<&'v str, Vec<&'v Item<'v>>>,
    groups_by_z: BTreeMap<&'v str, BTreeMap<&'v str, &'v Group<'v>>>,
    /// Wires joined to those of subflows so far.
    joined: usize,
}

/// A tab or one use of a subflow, while its nodes are laid out.
struct Within<'v> {
    z: &'v str,
    prefix: String,
    parent: Option<String>,
    /// What lies here there, lies at `shift` here.
    origin: (f64, f64),
    shift: (f64, f64),
    disabled: bool,
}

impl Within<'_> {
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.origin.0) * SCALE.0 + self.shift.0, (y - self.origin.1) * SCALE.1 + self.shift.1)
    }
}

struct Bounds {
    low: (f64, f64),
    high: (f64, f64),
}

impl Bounds {
    fn size(&self) -> (f64, f64) {
        let length = |low: f64, high: f64, scale: f64, margin: f64, node: f64| {
            (high - low) * scale + 2.0 * margin + node
        };
        (
            length(self.low.0, self.high.0, SCALE.0, MARGIN.0, NODE_SIZE.0),
            length(self.low.1, self.high.1, SCALE.1, MARGIN.1, NODE_SIZE.1),
        )
    }
}

impl<'v> Expansion<'v, '_> {
    fn frame(&mut self, frame: Frame) -> Result<(), ImportError> {
        self.count(&frame.path)?;
        self.flats.frames.push(frame);
        Ok(())
    }

    /// Copies of copies grow quickly: counted here, before they are made.
    fn count(&self, path: &str) -> Result<(), ImportError> {
        if self.flats.frames.len() + self.flats.nodes.len() >= NODES_MAX {
            return Err(ImportError::new(
                path,
                format!("with its subflows the flow has more than {NODES_MAX} nodes"),
            ));
        }
        Ok(())
    }

    /// Where the items of a tab or subflow lie.
    fn bounds(&self, z: &str) -> Bounds {
        let items = self.by_z.get(z).map_or(&[][..], Vec::as_slice);
        let places = items.iter().map(|item| (item.x - MIDDLE.0, item.y - MIDDLE.1));
        let fold = |pick: fn(f64, f64) -> f64, from: f64| {
            places.clone().fold((from, from), |(x, y), (a, b)| (pick(x, a), pick(y, b)))
        };
        if items.is_empty() {
            return Bounds { low: (0.0, 0.0), high: (0.0, 0.0) };
        }
        Bounds { low: fold(f64::min, f64::INFINITY), high: fold(f64::max, f64::NEG_INFINITY) }
    }

    fn container(&mut self, within: &Within<'v>, uses: &mut Vec<&'v str>) -> Result<(), ImportError> {
        let groups = self.groups(within)?;
        for item in self.by_z.get(within.z).cloned().unwrap_or_default() {
            self.count(&item.path)?;
            let key = format!("{}{}", within.prefix, item.id);
            // What is left out takes no id from what stays.
            let id = if passes_on(item) { key.clone() } else { self.draft.id(&key) };
            let (x, y) = within.place(item.x - MIDDLE.0, item.y - MIDDLE.1);
            let (parent, x, y) = match item.g.and_then(|g| groups.get(g)) {
                Some((frame, left, top)) => (Some(frame.clone()), x - left, y - top),
                None => (within.parent.clone(), x, y),
            };
            let disabled = within.disabled || item.disabled;
            let subflow = item.kind.strip_prefix("subflow:");
            if let Some((z, subflow)) = subflow.and_then(|z| self.export.subflows.get_key_value(z)) {
                if uses.contains(z) || uses.len() >= NESTED_MAX {
                    return Err(ImportError::new(
                        &item.path,
                        format!("the subflow {:?} contains itself", one_line(z)),
                    ));
                }
                let bounds = self.bounds(z);
                self.draft.note(
                    Some(&id),
                    NoteCode::Expanded,
                    format!("the subflow {} was copied here", one_line(subflow.name)),
                );
                self.frame(Frame {
                    path: item.path.clone(),
                    id: id.clone(),
                    source_id: item.id.to_owned(),
                    source_type: "subflow",
                    label: if item.name.is_empty() { subflow.name.to_owned() } else { item.name.to_owned() },
                    parent,
                    place: Place { x, y, size: Some(bounds.size()) },
                })?;
                self.ends(&key, item, z, subflow, &within.prefix)?;
                let prefix = format!("{key}.");
                let inner =
                    Within { z, prefix, parent: Some(id), origin: bounds.low, shift: MARGIN, disabled };
                uses.push(z);
                self.container(&inner, uses)?;
                uses.pop();
                continue;
            }
            self.flats.by_key.insert(key.clone(), self.flats.nodes.len());
            let place = Place { x, y, size: None };
            let prefix = within.prefix.clone();
            self.flats.nodes.push(Flat { key, id, item, parent, disabled, place, prefix });
        }
        Ok(())
    }

    /// Joins the wires of one use of a subflow to those inside.
    fn ends(
        &mut self,
        key: &str,
        item: &Item<'v>,
        z: &str,
        subflow: &Subflow<'v>,
        prefix: &str,
    ) -> Result<(), ImportError> {
        let mut entries: Vec<String> = subflow.entries.iter().map(|id| format!("{key}.{id}")).collect();
        self.join(entries.len(), item)?;
        for (at, exits) in subflow.exits.iter().enumerate() {
            let own = item.wires.get(at).into_iter().flatten().map(|id| format!("{prefix}{id}"));
            // Where this use lies in a subflow itself, its output may lead out of that, too.
            let outer = self.flats.exits.get(&(key.to_owned(), at)).into_iter().flatten().cloned();
            let targets: Vec<String> = own.chain(outer).collect();
            self.join(exits.len().saturating_mul(targets.len()), item)?;
            for (id, port) in exits {
                if *id == z {
                    // Straight from the input.
                    entries.extend(targets.iter().cloned());
                } else {
                    let wires = self.flats.exits.entry((format!("{key}.{id}"), *port)).or_default();
                    wires.extend(targets.iter().cloned());
                }
            }
        }
        self.flats.entries.insert(key.to_owned(), entries);
        Ok(())
    }

    fn join(&mut self, wires: usize, item: &Item<'v>) -> Result<(), ImportError> {
        self.joined = self.joined.saturating_add(wires);
        if self.joined > JOINED_MAX {
            return Err(ImportError::new(&item.path, "the wires into and out of subflows are too many"));
        }
        Ok(())
    }

    /// The groups of a tab or subflow: their frames, and where they begin.
    fn groups(&mut self, within: &Within<'v>) -> Result<BTreeMap<&'v str, (String, f64, f64)>, ImportError> {
        let own = self.groups_by_z.get(within.z).cloned().unwrap_or_default();
        let mut frames = BTreeMap::new();
        for (id, group) in &own {
            let (x, y) = within.place(group.x, group.y);
            frames.insert(*id, (self.draft.id(&format!("{}{id}", within.prefix)), x, y));
        }
        for (id, group) in &own {
            let (frame, x, y) = frames[id].clone();
            let outer = group.g.filter(|g| !circular(&own, id, g)).and_then(|g| frames.get(g)).cloned();
            let (parent, x, y) = match outer {
                Some((outer, left, top)) => (Some(outer), x - left, y - top),
                None => (within.parent.clone(), x, y),
            };
            let size = (group.w * SCALE.0 + NODE_SIZE.0 / 2.0, group.h * SCALE.1 + NODE_SIZE.1 / 2.0);
            self.frame(Frame {
                path: group.path.clone(),
                id: frame,
                source_id: (*id).to_owned(),
                source_type: "group",
                label: group.name.to_owned(),
                parent,
                place: Place { x, y, size: Some(size) },
            })?;
        }
        Ok(frames)
    }
}

/// Whether the groups around a group lead back to it, or are too many to be drawn.
fn circular(groups: &BTreeMap<&str, &Group<'_>>, id: &str, outer: &str) -> bool {
    let (mut at, mut steps) = (Some(outer), 0);
    while let Some(outer) = at {
        steps += 1;
        if outer == id || steps > GROUPS_NESTED_MAX {
            return true;
        }
        at = groups.get(outer).and_then(|group| group.g);
    }
    false
}
