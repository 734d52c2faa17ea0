//! Somebody who joins a room to get its content: when it was complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::wire::{Heard, Link, Receiver};

/// When the content of one person was complete, and what it was.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    /// On the generator's clock; 0 while it is not there.
    at: AtomicU64,
    bytes: AtomicUsize,
    content: Mutex<Option<Vec<u8>>>,
    keep: bool,
}

/// The peer of an [`Arrival`].
pub(super) struct Visitor(pub(super) Arc<Arrival>);

impl Arrival {
    /// With `keep`, what was sent is kept to be looked at.
    pub(super) fn new(keep: bool) -> Arc<Self> {
        Arc::new(Self { keep, ..Self::default() })
    }

    pub(super) fn at(&self) -> Option<u64> {
        Some(self.at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn take_content(&self) -> Option<Vec<u8>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Receiver for Visitor {
    fn hear(&mut self, heard: Heard<'_>, now: u64, _link: &Link) -> anyhow::Result<()> {
        let arrival = &self.0;
        if let Heard::Step2(update) = heard
            && arrival.at().is_none()
        {
            arrival.bytes.store(update.len(), Ordering::Relaxed);
            arrival.at.store(now.max(1), Ordering::Relaxed);
            if arrival.keep {
                *arrival.content.lock().unwrap_or_else(PoisonError::into_inner) = Some(update.to_vec());
            }
        }
        Ok(())
    }
}
