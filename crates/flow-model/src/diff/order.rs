//! Which items of a list moved, when its order changed.

/// Where an item of both lists stands in each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) before: usize,
    pub(super) after: usize,
    /// Its order key is as it was: it did not move, others did.
    pub(super) kept: bool,
}

/// Whether each item moved. As few as possible are said to: those whose key is as it
/// was stay, and of the others the longest sequence that is in the same order still.
pub(super) fn places(items: &[Place]) -> Vec<bool> {
    let ranks_before = ranks(items, |place| place.before);
    let ranks_after = ranks(items, |place| place.after);
    let mut rest: Vec<usize> = Vec::new();
    let mut moved = vec![false; items.len()];
    for (at, place) in items.iter().enumerate() {
        if !place.kept {
            // Between the same items that stayed, or past one of them.
            moved[at] = ranks_before[at] != ranks_after[at];
            if !moved[at] {
                rest.push(at);
            }
        }
    }
    rest.sort_by_key(|at| items[*at].before);
    let sequence: Vec<usize> = rest.iter().map(|at| items[*at].after).collect();
    for (at, stays) in rest.into_iter().zip(increasing(&sequence)) {
        moved[at] = !stays;
    }
    moved
}

/// How many of the items that kept their key stand before each.
fn ranks(items: &[Place], place: impl Fn(&Place) -> usize) -> Vec<usize> {
    let mut kept: Vec<usize> = items.iter().filter(|item| item.kept).map(&place).collect();
    kept.sort_unstable();
    items.iter().map(|item| kept.partition_point(|other| *other < place(item))).collect()
}

/// Marks one longest increasing subsequence.
fn increasing(sequence: &[usize]) -> Vec<bool> {
    // The last member of the best subsequence of each length, and who came before it.
    let (mut ends, mut previous): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    for (at, value) in sequence.iter().enumerate() {
        let length = ends.partition_point(|end| sequence[*end] < *value);
        previous.push(length.checked_sub(1).map(|before| ends[before]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut marks = vec![false; sequence.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        marks[at] = true;
        next = previous[at];
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items by their places in the later list; `kept` names those with the same key.
    fn moved(after: &[usize], kept: &[usize]) -> Vec<usize> {
        let place =
            |(before, after): (usize, &usize)| Place { before, after: *after, kept: kept.contains(&before) };
        let items: Vec<_> = after.iter().enumerate().map(place).collect();
        let moved = places(&items).into_iter().enumerate();
        moved.filter(|(_, moved)| *moved).map(|(at, _)| at).collect()
    }

    #[test]
    fn only_the_item_that_was_moved_is_said_to_move() {
        assert_eq!(moved(&[1, 2, 0], &[0, 1]), [2], "the last to the front");
        assert_eq!(moved(&[2, 0, 1], &[1, 2]), [0], "the first to the end");
        assert_eq!(moved(&[1, 0], &[1]), [0], "of two, the one with the new key");
        assert_eq!(moved(&[1, 0], &[0]), [1]);
        assert_eq!(moved(&[0, 1, 2], &[0, 2]), Vec::<usize>::new(), "a new key in the same place");
    }

    #[test]
    fn where_all_keys_are_new_as_few_as_possible_move() {
        assert_eq!(moved(&[0, 1, 2, 3], &[]), Vec::<usize>::new());
        assert_eq!(moved(&[1, 2, 3, 0], &[]), [3]);
        assert_eq!(moved(&[3, 0, 1, 2], &[]), [0]);
        assert_eq!(moved(&[1, 0, 3, 2], &[]).len(), 2);
    }
}
