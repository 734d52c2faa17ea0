use flow_base::FlowId;

/// Every name this crate uses in Redis. Names are made here and nowhere else, each
/// from the id of its flow, so that one flow can never be given what is another's.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

/// Where the hot tier of one flow is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HotKeys {
    /// A hash: [`SEQ`] is a decimal number, [`STATE`] an encoded snapshot.
    pub(super) snapshot: String,
    /// A stream: the id is the position, [`UPDATE`] an encoded update.
    pub(super) updates: String,
}

pub(super) const SEQ: &str = "seq";
pub(super) const STATE: &str = "state";
pub(super) const UPDATE: &str = "update";

/// In braces is what Redis Cluster chooses the slot by: all of a flow is on one server.
const OPEN: &str = ":flow:{";
const CLOSE: &str = "}:";
const RELAY: &str = "relay";

impl Keys {
    /// `None` when the prefix would change what the braces mean, or cannot be read in
    /// a list of keys.
    pub(super) fn with_prefix(prefix: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let is_usable = !prefix.is_empty() && prefix.len() <= 64 && prefix.chars().all(is_plain);
        is_usable.then(|| Self { prefix: prefix.to_owned() })
    }

    pub(super) fn hot(&self, flow: FlowId) -> HotKeys {
        HotKeys { snapshot: self.name(flow, "snapshot"), updates: self.name(flow, "updates") }
    }

    /// A rate, by the name that its caller gives it.
    pub(super) fn rate(&self, name: &str) -> String {
        format!("{}:rate:{name}", self.prefix)
    }

    /// What is held by leases, by the name that its holder gives it.
    pub(super) fn lease(&self, name: &str) -> String {
        format!("{}:lease:{name}", self.prefix)
    }

    /// The channel on which nodes tell each other of the flow.
    pub(super) fn channel(&self, flow: FlowId) -> String {
        self.name(flow, RELAY)
    }

    /// Whose channel it is.
    pub(super) fn flow_of(&self, channel: &[u8]) -> Option<FlowId> {
        let rest = channel.strip_prefix(self.prefix.as_bytes())?.strip_prefix(OPEN.as_bytes())?;
        let id = rest.strip_suffix(RELAY.as_bytes())?.strip_suffix(CLOSE.as_bytes())?;
        str::from_utf8(id).ok()?.parse().ok()
    }

    fn name(&self, flow: FlowId, what: &str) -> String {
        format!("{}{OPEN}{flow}{CLOSE}{what}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_flow_and_their_prefix() {
        let keys = Keys::with_prefix("interflow").unwrap();
        let flow = "018f4c5e-0000-7000-8000-000000000001".parse().unwrap();
        let HotKeys { snapshot, updates } = keys.hot(flow);
        assert_eq!(snapshot, "interflow:flow:{018f4c5e-0000-7000-8000-000000000001}:snapshot");
        assert_eq!(updates, "interflow:flow:{018f4c5e-0000-7000-8000-000000000001}:updates");
        let channel = keys.channel(flow);
        assert_eq!(channel, "interflow:flow:{018f4c5e-0000-7000-8000-000000000001}:relay");
        assert_eq!(keys.flow_of(channel.as_bytes()), Some(flow));
        assert_eq!(keys.flow_of(updates.as_bytes()), None);
        assert_eq!(Keys::with_prefix("other").unwrap().flow_of(channel.as_bytes()), None);
    }

    #[test]
    fn a_prefix_that_would_change_the_braces_is_refused() {
        for prefix in ["", "a{b}", "a b", "a*", "ä"] {
            assert!(Keys::with_prefix(prefix).is_none(), "{prefix}");
        }
        assert!(Keys::with_prefix("team-1:interflow_2.x").is_some());
    }
}
