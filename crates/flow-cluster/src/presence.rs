use bytes::Bytes;
use flow_base::UserId;

/// What one node tells the others of who is in a flow's room there. Nothing of it is
/// kept: a node says from time to time who is there, and whom nobody has spoken of for
/// a while is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodePresence {
    /// These have changed, or have left.
    Changed(Vec<Shown>),
    /// These are there, and nobody else. Where there are too many for one message the
    /// state of some was said just before, as changed, and is left out here.
    Everybody {
        shown: Vec<Shown>,
        /// The others are to say the same of themselves.
        asks: bool,
    },
}

/// What a client shows of itself: an entry of Yjs's awareness protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub client: u64,
    pub clock: u64,
    pub user: UserId,
    /// JSON; `None` when it has left.
    pub state: Option<Bytes>,
}

impl NodePresence {
    /// Says this and then `later` in one.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        match (self, later) {
            (Self::Everybody { asks: asked, .. }, Self::Everybody { shown, asks }) => {
                Self::Everybody { shown, asks: asks || asked }
            }
            (_, later @ Self::Everybody { .. }) => later,
            (Self::Changed(shown), Self::Changed(later)) => Self::Changed(newest(shown, later)),
            (Self::Everybody { shown, asks }, Self::Changed(later)) => {
                let mut shown = newest(shown, later);
                shown.retain(|shown| shown.state.is_some());
                Self::Everybody { shown, asks }
            }
        }
    }

    /// About how large it is.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let (Self::Changed(shown) | Self::Everybody { shown, .. }) = self;
        shown.iter().map(|shown| SHOWN_BYTES + shown.state.as_ref().map_or(0, Bytes::len)).sum()
    }
}

/// Of an entry beside its state.
const SHOWN_BYTES: usize = 32;

fn newest(mut shown: Vec<Shown>, later: Vec<Shown>) -> Vec<Shown> {
    shown.retain(|shown| later.iter().all(|later| later.client != shown.client));
    shown.extend(later);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(client: u64, clock: u64, state: Option<&'static str>) -> Shown {
        let state = state.map(|state| Bytes::from_static(state.as_bytes()));
        Shown { client, clock, user: UserId::from_uuid(uuid::Uuid::nil()), state }
    }

    #[test]
    fn of_each_client_the_newest_is_said() {
        let earlier = NodePresence::Changed(vec![shown(1, 1, Some("a")), shown(2, 1, Some("b"))]);
        let later = NodePresence::Changed(vec![shown(1, 2, None)]);
        let both = NodePresence::Changed(vec![shown(2, 1, Some("b")), shown(1, 2, None)]);
        assert_eq!(earlier.then(later), both);
    }

    #[test]
    fn a_change_is_part_of_everybody() {
        let everybody = NodePresence::Everybody { shown: vec![shown(1, 1, Some("a"))], asks: true };
        let changed = NodePresence::Changed(vec![shown(1, 2, None), shown(2, 1, Some("b"))]);
        let both = NodePresence::Everybody { shown: vec![shown(2, 1, Some("b"))], asks: true };
        assert_eq!(everybody.clone().then(changed.clone()), both);
        assert_eq!(changed.then(everybody.clone()), everybody);
        let silent = NodePresence::Everybody { shown: vec![], asks: false };
        assert_eq!(everybody.then(silent), NodePresence::Everybody { shown: vec![], asks: true });
    }
}
