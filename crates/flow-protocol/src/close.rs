use std::fmt;

/// Why the server closes a socket. 4400 to 4499 are final: clients of
/// y-websocket 3.1 and later stop reconnecting on them. An outage is therefore
/// never one of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The sign-in or key behind the socket ended or was never valid.
    SignedOut,
    /// The user is known and may not open this flow, or no longer.
    NotAllowed,
    /// There is no such flow, or none this user may know of.
    NoSuchFlow,
    /// The peer's document has another history than the stored flow.
    ForeignLineage,
    /// A message or the document would exceed its limit.
    TooLarge,
    /// Bytes that are no message, or an update that must not be applied.
    Malformed,
    /// Nothing was heard for too long.
    Idle,
    /// The server restarts; another one, or the same, will answer.
    Restarting,
    /// The server cannot keep up, or the peer is out of step: join afresh.
    Overloaded,
}

impl CloseCode {
    /// Every code, in the order of `docs/protocol.md`.
    pub const ALL: [Self; 9] = [
        Self::SignedOut,
        Self::NotAllowed,
        Self::NoSuchFlow,
        Self::ForeignLineage,
        Self::TooLarge,
        Self::Malformed,
        Self::Idle,
        Self::Restarting,
        Self::Overloaded,
    ];

    /// The number in the close frame.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::SignedOut => 4401,
            Self::NotAllowed => 4403,
            Self::NoSuchFlow => 4404,
            Self::ForeignLineage => 4409,
            Self::TooLarge => 4413,
            Self::Malformed => 4422,
            Self::Idle => 4508,
            Self::Restarting => 1012,
            Self::Overloaded => 1013,
        }
    }

    /// The reason in the close frame: short, for people, without details.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::SignedOut => "signed out or revoked",
            Self::NotAllowed => "not allowed",
            Self::NoSuchFlow => "no such flow",
            Self::ForeignLineage => "the document has another history",
            Self::TooLarge => "too large",
            Self::Malformed => "malformed message",
            Self::Idle => "idle",
            Self::Restarting => "restarting",
            Self::Overloaded => "overloaded or not in step",
        }
    }

    /// Whether reconnecting is pointless until something else changes.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self.code(), 4400..=4499)
    }

    /// The code a client met, if it is one of ours.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code(), self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documentation_is_this_one() {
        let page = include_str!("../../../docs/protocol.md");
        for code in CloseCode::ALL {
            let row = format!(
                "| {} | {} | {} |",
                code.code(),
                code.reason(),
                if code.is_final() { "yes" } else { "no" }
            );
            assert!(page.contains(&row), "docs/protocol.md lacks the row {row}");
        }
    }
}
