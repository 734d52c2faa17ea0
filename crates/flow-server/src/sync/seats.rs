use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;

/// Seats under keys, at most so many under each. `S` is what those who sit under
/// one key share.
#[derive(Debug)]
pub(crate) struct Seats<K: Eq + Hash, S = ()> {
    taken: Arc<DashMap<K, (usize, Arc<S>)>>,
    most: usize,
}

/// A seat; dropping it gives it back, however its holder ends.
#[derive(Debug)]
pub(crate) struct Seat<K: Eq + Hash, S = ()> {
    key: K,
    shared: Arc<S>,
    taken: Arc<DashMap<K, (usize, Arc<S>)>>,
}

impl<K: Copy + Eq + Hash, S: Default> Seats<K, S> {
    pub(crate) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// Looking and taking are one step, so a burst cannot pass the bound.
    pub(crate) fn take(&self, key: K) -> Option<Seat<K, S>> {
        let mut entry = self.taken.entry(key).or_default();
        let (count, shared) = &mut *entry;
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { key, shared: Arc::clone(shared), taken: Arc::clone(&self.taken) })
    }
}

impl<K: Eq + Hash, S> Seat<K, S> {
    pub(crate) fn shared(&self) -> &S {
        &self.shared
    }
}

impl<K: Eq + Hash, S> Drop for Seat<K, S> {
    fn drop(&mut self) {
        self.taken.remove_if_mut(&self.key, |_, (count, _)| {
            *count -= 1;
            *count == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_taken_once_and_given_back() {
        let seats: Seats<u8> = Seats::new(2);
        let (first, second) = (seats.take(1), seats.take(1));
        assert!(first.is_some() && second.is_some() && seats.take(1).is_none());
        assert!(seats.take(2).is_some(), "another key is not concerned");
        drop(first);
        assert!(seats.take(1).is_some());
        drop(second);
        assert!(seats.taken.is_empty(), "what nobody holds is forgotten");
    }

    #[test]
    fn a_burst_does_not_pass_the_bound() {
        let seats: Seats<u8> = Seats::new(10);
        let taken = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| (0..10).map(|_| seats.take(1)).collect::<Vec<_>>())).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("it ends"))
                .flatten()
                .collect::<Vec<_>>()
        });
        assert_eq!(taken.len(), 10);
    }
}
