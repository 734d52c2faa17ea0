use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use yrs::types::{Event, PathSegment};
use yrs::{DeepObservable as _, Doc, MapRef};

/// The root types of schema 1.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    pub(crate) meta: MapRef,
    pub(crate) nodes: MapRef,
    pub(crate) layout: MapRef,
    pub(crate) edges: MapRef,
    pub(crate) variables: MapRef,
    pub(crate) settings: MapRef,
    pub(crate) tests: MapRef,
}

impl Roots {
    pub(crate) fn of(doc: &Doc) -> Self {
        Self {
            meta: doc.get_or_insert_map("meta"),
            nodes: doc.get_or_insert_map("nodes"),
            layout: doc.get_or_insert_map("layout"),
            edges: doc.get_or_insert_map("edges"),
            variables: doc.get_or_insert_map("variables"),
            settings: doc.get_or_insert_map("settings"),
            tests: doc.get_or_insert_map("tests"),
        }
    }

    /// Records from now on what transactions touch.
    pub(crate) fn observe(&self, touched: &Arc<Mutex<Touched>>) {
        observe(&self.meta, touched, |touched| &mut touched.meta);
        observe(&self.nodes, touched, |touched| &mut touched.nodes);
        observe(&self.layout, touched, |touched| &mut touched.layout);
        observe(&self.edges, touched, |touched| &mut touched.edges);
        observe(&self.variables, touched, |touched| &mut touched.variables);
        observe(&self.settings, touched, |touched| &mut touched.settings);
        observe(&self.tests, touched, |touched| &mut touched.tests);
    }
}

/// The entries of each root that changed since the graph was last built.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) meta: BTreeSet<Arc<str>>,
    pub(crate) nodes: BTreeSet<Arc<str>>,
    pub(crate) layout: BTreeSet<Arc<str>>,
    pub(crate) edges: BTreeSet<Arc<str>>,
    pub(crate) variables: BTreeSet<Arc<str>>,
    pub(crate) settings: BTreeSet<Arc<str>>,
    pub(crate) tests: BTreeSet<Arc<str>>,
}

/// The observer only records: it runs inside the transaction, where a panic or a
/// second transaction would take the document with it.
fn observe(root: &MapRef, touched: &Arc<Mutex<Touched>>, of: fn(&mut Touched) -> &mut BTreeSet<Arc<str>>) {
    let touched = Arc::clone(touched);
    root.observe_deep("materialise", move |txn, events| {
        // A poisoned lock still holds every key recorded before, and more are
        // added; nothing is half-written.
        let mut touched = touched.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = of(&mut touched);
        for event in events.iter() {
            match event.path().pop_front() {
                Some(PathSegment::Key(key)) => {
                    keys.insert(key);
                }
                // The root itself. A part of it that is no map entry belongs to no
                // schema and is not read.
                Some(PathSegment::Index(_)) => {}
                None => {
                    if let Event::Map(event) = event {
                        keys.extend(event.keys(txn).keys().cloned());
                    }
                }
            }
        }
    });
}
