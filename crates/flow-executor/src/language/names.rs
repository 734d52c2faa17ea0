use std::collections::HashMap;
use std::sync::Arc;

use crate::value::Value;

/// The place of a variable among those of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// The names that a flow's templates and expressions use, each with its place.
#[derive(Debug, Clone, Default)]
pub struct Names {
    slots: HashMap<Arc<str>, Slot>,
    names: Vec<Arc<str>>,
}

/// What the names stand for during one evaluation.
pub trait Scope {
    /// `None`: there is no such variable, or nothing was ever put into it.
    fn get(&self, slot: Slot) -> Option<&Value>;

    /// To say which one is missing.
    fn name(&self, slot: Slot) -> &str;
}

impl Names {
    /// Its place; a new one if the name was not used before.
    pub fn slot(&mut self, name: &str) -> Slot {
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let slot = Slot(u32::try_from(self.names.len()).expect("a flow has far fewer names"));
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.slots.insert(name, slot);
        slot
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).copied()
    }

    #[must_use]
    pub fn name(&self, slot: Slot) -> &str {
        self.names.get(slot.index()).map_or("", |name| name)
    }

    #[must_use]
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Arc<str>)> {
        (0..).map(Slot).zip(&self.names)
    }
}

impl Slot {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
