//! Whether what somebody has is stored: for those who hold no connection.

use super::Room;
use crate::effect::{Durability, Effect};
use crate::event::{Holding, Moment, Ticket};

impl Room {
    /// What the document has now is durable once everything applied by now is.
    pub(super) fn ask_durable(
        &mut self,
        now: Moment,
        ticket: Ticket,
        holding: &Holding,
        effects: &mut Vec<Effect>,
    ) {
        let durability = match self.holds(holding) {
            Some(true) => return self.tell_when_committed(now, ticket, effects),
            Some(false) => Some(Durability::Missing),
            None => None,
        };
        effects.push(Effect::Durability { ticket, durability });
    }

    /// Whether the document has all of it; `None` while there is none.
    fn holds(&self, Holding { state, deletions }: &Holding) -> Option<bool> {
        let doc = self.document.get().filter(|_| !self.failed)?;
        let lacks = deletions.as_ref().is_some_and(|update| self.would_add(&update.walked()));
        Some(state.is_within(|client| doc.clock(client)) && !lacks)
    }
}
