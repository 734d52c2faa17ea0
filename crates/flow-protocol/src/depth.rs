use std::collections::HashMap;

use crate::walk::{Id, Parent, Struct, StructKind, Walked};

/// How deep shared types may be nested. A flow has 8 levels. Both libraries delete
/// by recursion: 100,000 nested maps, a megabyte, end a server by overflowing its
/// stack when the outermost is deleted, and throw in every browser.
pub const DEPTH_MAX: u16 = 64;

/// An update nests shared types deeper than [`DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("shared types are nested more than {DEPTH_MAX} deep")]
pub struct TooDeep;

/// How deep each struct of a document stands: 0 in a root, one more in every
/// type. Kept beside a document, because an update says of most of its structs
/// only which neighbour they stand beside. Neighbouring clocks of one depth share
/// an entry, so that it stays far smaller than the document.
#[derive(Debug, Clone, Default)]
pub struct Depths {
    clients: HashMap<u64, Vec<Run>>,
}

/// Clocks `start..end` of one client.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: u32,
    end: u32,
    depth: u16,
}

impl Depths {
    /// Takes note of an update that is about to be integrated, in whole or, where
    /// something is missing, in part.
    ///
    /// # Errors
    /// [`TooDeep`]; then nothing is noted, and the update must not be integrated.
    pub fn admit(&mut self, walked: &Walked<'_>) -> Result<(), TooDeep> {
        let mut new = Self::default();
        let mut deepest = 0;
        walked.visit_in_order(
            |client| self.end(client),
            |read| {
                let depth = self.depth_with(&new, read);
                deepest = deepest.max(depth);
                let start = read.id.clock.max(self.end(read.id.client));
                if read.end() > start && !matches!(read.kind, StructKind::Skip) {
                    new.push(read.id.client, Run { start, end: read.end(), depth });
                }
            },
        );
        if deepest > DEPTH_MAX {
            return Err(TooDeep);
        }
        for (client, runs) in new.clients {
            runs.into_iter().for_each(|run| self.push(client, run));
        }
        Ok(())
    }

    fn depth_with(&self, new: &Self, read: &Struct<'_>) -> u16 {
        let depth = |id: &Id| new.of(*id).or_else(|| self.of(*id)).unwrap_or(0);
        match &read.kind {
            StructKind::Gc | StructKind::Skip => 0,
            StructKind::Item { parent: Some(Parent::Root(_)), .. } => 0,
            StructKind::Item { parent: Some(Parent::Item(id)), .. } => depth(id).saturating_add(1),
            // It stands where its neighbours stand.
            StructKind::Item { origin, right_origin, parent: None, .. } => {
                [origin, right_origin].into_iter().flatten().map(depth).max().unwrap_or(0)
            }
        }
    }

    fn of(&self, id: Id) -> Option<u16> {
        let runs = self.clients.get(&id.client)?;
        let at = runs.partition_point(|run| run.end <= id.clock);
        runs.get(at).filter(|run| run.start <= id.clock).map(|run| run.depth)
    }

    fn end(&self, client: u64) -> u32 {
        self.clients.get(&client).and_then(|runs| runs.last()).map_or(0, |run| run.end)
    }

    fn push(&mut self, client: u64, run: Run) {
        let runs = self.clients.entry(client).or_default();
        match runs.last_mut() {
            Some(last) if last.depth == run.depth && last.end == run.start => last.end = run.end,
            Some(_) | None => runs.push(run),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::write_var_uint;
    use crate::{UpdateLimits, walk};

    /// Maps within maps, each of them in the one before; the first in a root, or
    /// in the struct that is named.
    fn chain(client: u64, count: u64, within: Option<Id>) -> Vec<u8> {
        let mut update = vec![1];
        write_var_uint(&mut update, count);
        write_var_uint(&mut update, client);
        update.push(0);
        for clock in 0..count {
            let parent = if clock == 0 {
                within
            } else {
                Some(Id { client, clock: u32::try_from(clock).unwrap() - 1 })
            };
            update.push(0x27);
            match parent {
                None => update.extend([1, 1, b't']),
                Some(id) => {
                    update.push(0);
                    write_var_uint(&mut update, id.client);
                    write_var_uint(&mut update, u64::from(id.clock));
                }
            }
            update.extend([1, b'k', 1]);
        }
        update.push(0);
        update
    }

    fn admit(depths: &mut Depths, update: &[u8]) -> Result<(), TooDeep> {
        depths.admit(&walk(update, &UpdateLimits::default()).unwrap())
    }

    #[test]
    fn a_chain_of_types_is_admitted_up_to_the_limit_and_not_beyond() {
        let most = u64::from(DEPTH_MAX) + 1;
        assert_eq!(admit(&mut Depths::default(), &chain(1, most, None)), Ok(()));
        assert_eq!(admit(&mut Depths::default(), &chain(1, most + 1, None)), Err(TooDeep));
        assert_eq!(admit(&mut Depths::default(), &chain(1, 100_000, None)), Err(TooDeep));
    }

    #[test]
    fn depth_adds_up_over_updates() {
        let mut depths = Depths::default();
        admit(&mut depths, &chain(1, 40, None)).unwrap();
        let refused = chain(2, 40, Some(Id { client: 1, clock: 39 }));
        assert_eq!(admit(&mut depths, &refused), Err(TooDeep));
        // What was refused left no trace: the same clocks may come anew.
        assert_eq!(admit(&mut depths, &chain(2, 20, Some(Id { client: 1, clock: 39 }))), Ok(()));
        assert_eq!(admit(&mut depths, &chain(3, 20, Some(Id { client: 2, clock: 19 }))), Err(TooDeep));
    }

    /// An item beside another names no parent: it stands as deep as its neighbour.
    #[test]
    fn a_neighbour_stands_as_deep() {
        let mut depths = Depths::default();
        admit(&mut depths, &chain(1, 60, None)).unwrap();
        // Client 2: a map with origin (1, 59), at depth 59.
        admit(&mut depths, &[1, 1, 2, 0, 0x87, 1, 59, 1, 0]).unwrap();
        assert_eq!(admit(&mut depths, &chain(3, 6, Some(Id { client: 2, clock: 0 }))), Err(TooDeep));
        assert_eq!(admit(&mut depths, &chain(3, 5, Some(Id { client: 2, clock: 0 }))), Ok(()));
    }

    #[test]
    fn neighbouring_clocks_of_one_depth_share_an_entry() {
        let mut depths = Depths::default();
        for clock in 0..100 {
            admit(&mut depths, &[1, 1, 7, clock, 4, 1, 1, b't', 1, b'x', 0]).unwrap();
        }
        assert_eq!(depths.clients[&7].len(), 1);
    }
}
