use std::cell::OnceCell;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use crate::walk::{ContentKind, DeleteRange, Id, Parent, Struct, StructKind, TypeKind, Walked};

/// How deep shared types may be nested. A flow has 8 levels. Both libraries delete
/// by recursion: 100,000 nested maps, a megabyte, end a server by overflowing its
/// stack when the outermost is deleted, and throw in every browser.
pub const DEPTH_MAX: u16 = 64;

/// Why an update is not admitted to a document. No client makes such updates; yrs and
/// yjs apply them, and come to different documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    #[error("shared types are nested more than {DEPTH_MAX} deep")]
    TooDeep,
    /// yrs fails half-way, yjs goes on.
    #[error("clock {} of client {} lies in something that is no shared type", .0.clock, .0.client)]
    NoType(Id),
    /// Each library has its own idea of which neighbour counts; and where the right one
    /// comes first, the place depends on how a text happens to be cut.
    #[error("clock {} of client {} stands between two that stand apart", .0.clock, .0.client)]
    Torn(Id),
    /// Part of such an entry can be deleted: then who is there and who joins later
    /// see another value.
    #[error("clock {} of client {} is no plain value of a map's entry", .0.clock, .0.client)]
    Entry(Id),
    /// Such as text in an array: where it holds an emoji, yrs never gets to the array's
    /// end. Of an XML fragment that holds `null`, yjs cannot make JSON.
    #[error("clock {} of client {} is not what its type holds", .0.clock, .0.client)]
    Foreign(Id),
}

/// Where each struct of a document stands: in which list or which entry of a map, and
/// how deep. Kept beside a document, because an update says of most of its structs
/// only which neighbour they stand beside. Neighbouring clocks of one place share an
/// entry, so that it stays far smaller than the document.
#[derive(Debug, Clone, Default)]
pub struct Places {
    clients: HashMap<u64, Vec<Run>>,
    /// Types that were deleted and whose lists may still be written to by who does not
    /// know it.
    dead: HashSet<Id>,
    /// The lists of each client that are not known to be deleted, in order. Maps have
    /// none, and whatever is deleted in them was a list of its own.
    lists: HashMap<u64, Vec<u32>>,
    /// Names roots and keys. Keyed at random, so that nobody can make two of one name.
    names: RandomState,
}

/// Clocks `start..end` of one client.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: u32,
    end: u32,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    name: Name,
    /// 0 in a root, one more in every type.
    depth: u16,
    /// In a map's entry; otherwise in a list.
    entry: bool,
    /// The kind of type it stands in. Of what kind a root is, each reader decides.
    within: Option<TypeKind>,
    holds: Holds,
}

/// Which type, and which entry of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    of: Owner,
    /// 0 for a list.
    key: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nothing,
    Root(u32),
    Type(Id),
}

/// What may lie within a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Deleted and collected, with all that was in it and all that will come.
    Void,
    Type(TypeKind),
    /// A value; nothing can lie in it.
    Value,
}

const VOID: Place = Place {
    name: Name { of: Owner::Nothing, key: 0 },
    depth: 0,
    entry: false,
    within: None,
    holds: Holds::Void,
};

impl Places {
    /// Takes note of an update that is about to be integrated, in whole or, where
    /// something is missing, in part.
    ///
    /// # Errors
    /// [`Misplaced`]; then nothing is noted, and the update must not be integrated.
    pub fn admit(&mut self, walked: &Walked<'_>) -> Result<(), Misplaced> {
        self.take(walked, Err)
    }

    /// Takes note of an update that is in the document, whatever it says: what was
    /// stored may have been written anew since it was admitted, with other things
    /// collected. What would not be admitted counts as collected.
    pub fn note(&mut self, walked: &Walked<'_>) {
        let noted = self.take(walked, |_| Ok(VOID));
        debug_assert!(noted.is_ok(), "nothing is refused");
    }

    fn take(
        &mut self,
        walked: &Walked<'_>,
        otherwise: impl Fn(Misplaced) -> Result<Place, Misplaced>,
    ) -> Result<(), Misplaced> {
        let mut new = Self { names: self.names.clone(), ..Self::default() };
        let deleted = Deleted::of(walked);
        let mut refused = None;
        walked.visit_in_order(
            |client| self.end(client),
            |read| {
                let start = read.id.clock.max(self.end(read.id.client));
                if refused.is_some() || read.end() <= start || read.is_skip() {
                    return;
                }
                match self.place_with(&new, &deleted, read, start).or_else(&otherwise) {
                    Ok(place) => new.push(read.id.client, Run { start, end: read.end(), place }),
                    Err(misplaced) => refused = Some(misplaced),
                }
            },
        );
        if let Some(misplaced) = refused {
            return Err(misplaced);
        }
        for (client, runs) in new.clients {
            runs.into_iter().for_each(|run| self.push(client, run));
        }
        for range in walked.deleted() {
            self.note_dead(range);
        }
        Ok(())
    }

    /// Each list is looked at once, however often it is said to be deleted.
    fn note_dead(&mut self, range: DeleteRange) {
        let Some(lists) = self.lists.get_mut(&range.client) else { return };
        let from = lists.partition_point(|clock| *clock < range.clock);
        let to = lists.partition_point(|clock| *clock < range.clock + range.len);
        self.dead.extend(lists.drain(from..to).map(|clock| Id { client: range.client, clock }));
    }

    /// Where a struct stands that is new from `start` on.
    fn place_with(
        &self,
        new: &Self,
        deleted: &Deleted<'_>,
        read: &Struct<'_>,
        start: u32,
    ) -> Result<Place, Misplaced> {
        let run = |id: &Id| new.of(*id).or_else(|| self.of(*id));
        let place = |id: &Id| run(id).map_or(VOID, |run| run.place);
        let StructKind::Item { origin, right_origin, parent, key, content } = &read.kind else {
            return Ok(VOID);
        };
        // A neighbour is collected already.
        let mut collected = false;
        let mut at = match (parent, origin, right_origin) {
            (Some(Parent::Root(name)), ..) => self.named(0, None, Owner::Root(self.hash(name)), *key),
            (Some(Parent::Item(id)), ..) => {
                let parent = place(id);
                let depth = parent.depth.saturating_add(1);
                match parent.holds {
                    Holds::Void => VOID,
                    Holds::Value => return Err(Misplaced::NoType(read.id)),
                    Holds::Type(_) if parent.is_void() => Place { depth, ..VOID },
                    Holds::Type(kind) => self.named(depth, Some(kind), Owner::Type(*id), *key),
                }
            }
            (None, Some(one), None) | (None, None, Some(one)) => place(one),
            (None, Some(left), Some(right)) => {
                let both = self.common(deleted, place(left), place(right));
                collected |= place(left).is_void() || place(right).is_void();
                both.ok_or(Misplaced::Torn(read.id))?
            }
            (None, None, None) => VOID,
        };
        // Of a struct that is known in part, the rest is put behind what is known.
        if start > read.id.clock {
            let known = Id { clock: start - 1, ..read.id };
            at = self.common(deleted, at, place(&known)).ok_or(Misplaced::Torn(read.id))?;
            collected |= place(&known).is_void();
        }
        if !at.is_void() && at.entry && (right_origin.is_some() || !is_entry(*content, deleted, read)) {
            return Err(Misplaced::Entry(read.id));
        }
        if !at.is_void() && !at.entry && !is_held_by(*content, at.within) {
            return Err(Misplaced::Foreign(read.id));
        }
        at.holds = match content {
            ContentKind::Type(kind) => Holds::Type(*kind),
            // Once it may have been a type: what a peer still puts there is void, too.
            ContentKind::Deleted => Holds::Void,
            _ => Holds::Value,
        };
        match at.depth {
            // Where only one neighbour is collected yrs keeps the struct until the end of
            // the transaction, and what lies in it: that is no deeper than elsewhere.
            0..=DEPTH_MAX if collected || at.is_void() => {
                Ok(Place { depth: at.depth, holds: at.holds, ..VOID })
            }
            0..=DEPTH_MAX => Ok(at),
            _ => Err(Misplaced::TooDeep),
        }
    }

    /// The one place in which both neighbours stand. Of a type that was deleted, some
    /// who write to it have collected what was in it and others not yet.
    fn common(&self, deleted: &Deleted<'_>, a: Place, b: Place) -> Option<Place> {
        let dead = |place: Place| match place.name.of {
            Owner::Type(id) => self.dead.contains(&id) || deleted.covers(id, 1),
            Owner::Nothing | Owner::Root(_) => false,
        };
        let one = match (a.is_void(), b.is_void()) {
            (true, true) => Some(a),
            (false, true) => dead(a).then_some(a),
            (true, false) => dead(b).then_some(b),
            (false, false) => (a.name == b.name).then_some(a),
        };
        // Which of them yrs goes by depends on what was collected so far.
        one.map(|place| Place { depth: a.depth.max(b.depth), ..place })
    }

    fn named(&self, depth: u16, within: Option<TypeKind>, of: Owner, key: Option<&str>) -> Place {
        let name = Name { of, key: key.map_or(0, |key| self.hash(key) | 1) };
        Place { name, depth, entry: key.is_some(), within, holds: Holds::Value }
    }

    fn hash(&self, name: &str) -> u32 {
        (self.names.hash_one(name) >> 32) as u32
    }

    fn of(&self, id: Id) -> Option<Run> {
        let runs = self.clients.get(&id.client)?;
        let at = runs.partition_point(|run| run.end <= id.clock);
        runs.get(at).filter(|run| run.start <= id.clock).copied()
    }

    fn end(&self, client: u64) -> u32 {
        self.clients.get(&client).and_then(|runs| runs.last()).map_or(0, |run| run.end)
    }

    fn push(&mut self, client: u64, run: Run) {
        if matches!(run.place.holds, Holds::Type(TypeKind::Array | TypeKind::Text | TypeKind::Xml)) {
            self.lists.entry(client).or_default().extend(run.start..run.end);
        }
        let runs = self.clients.entry(client).or_default();
        match runs.last_mut() {
            Some(last) if last.joins(&run) => last.end = run.end,
            Some(_) | None => runs.push(run),
        }
    }
}

impl Place {
    fn is_void(&self) -> bool {
        self.name.of == Owner::Nothing
    }
}

impl Run {
    fn joins(&self, next: &Self) -> bool {
        self.place == next.place && self.end == next.start
    }
}

/// Whether a content is what a map's entry may hold: one value or type. Clients merge
/// neighbouring values that are all deleted.
fn is_entry(content: ContentKind, deleted: &Deleted<'_>, read: &Struct<'_>) -> bool {
    match content {
        ContentKind::Deleted => true,
        ContentKind::Any => read.len == 1 || deleted.covers(read.id, read.len),
        ContentKind::Binary | ContentKind::Type(_) => true,
        ContentKind::String | ContentKind::Embed | ContentKind::Format => false,
    }
}

/// Whether clients put such content into the list of such a type.
const fn is_held_by(content: ContentKind, within: Option<TypeKind>) -> bool {
    use ContentKind::{Any, Binary, Deleted, Embed, Format, String, Type};
    match within {
        None => true,
        Some(TypeKind::Array) => matches!(content, Any | Binary | Type(_) | Deleted),
        Some(TypeKind::Map) => matches!(content, Deleted),
        Some(TypeKind::Text) => matches!(content, String | Embed | Format | Type(_) | Deleted),
        Some(TypeKind::Xml) => matches!(content, Type(_) | Deleted),
    }
}

/// What an update deletes, looked up only where it matters.
struct Deleted<'a> {
    walked: &'a Walked<'a>,
    /// First clock and the one after the last, in order, neighbours as one.
    ranges: OnceCell<HashMap<u64, Vec<(u32, u32)>>>,
}

impl<'a> Deleted<'a> {
    const fn of(walked: &'a Walked<'a>) -> Self {
        Self { walked, ranges: OnceCell::new() }
    }

    fn covers(&self, id: Id, len: u32) -> bool {
        let ranges = self.ranges.get_or_init(|| self.read());
        ranges.get(&id.client).is_some_and(|ranges| {
            let at = ranges.partition_point(|(_, end)| *end < id.clock + len);
            ranges.get(at).is_some_and(|(start, _)| *start <= id.clock)
        })
    }

    fn read(&self) -> HashMap<u64, Vec<(u32, u32)>> {
        let mut all: HashMap<u64, Vec<(u32, u32)>> = HashMap::new();
        for range in self.walked.deleted() {
            all.entry(range.client).or_default().push((range.clock, range.clock + range.len));
        }
        for ranges in all.values_mut() {
            ranges.sort_unstable();
            ranges.dedup_by(|next, last| {
                let joins = next.0 <= last.1;
                if joins {
                    last.1 = last.1.max(next.1);
                }
                joins
            });
        }
        all
    }
}

#[cfg(test)]
mod tests;
