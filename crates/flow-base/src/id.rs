use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that should have been an id and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind} id: expected a UUID")]
pub struct IdError {
    kind: &'static str,
    text: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id. UUIDv7: ids made later sort later, which keeps
            /// B-tree inserts at the right edge.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, ":{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the hyphenated form: one id has one spelling, so it can
                // be compared and used as a key as text.
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(IdError { kind: $kind, text: text.chars().take(64).collect() }),
                }
            }
        }
    )*};
}

ids! {
    /// A flow, and with it the one document and the one room it has.
    FlowId = "flow";
    UserId = "user";
    WorkspaceId = "workspace";
    /// One sign-in: the family of refresh tokens that descend from one login.
    SessionId = "session";
    /// A key with which a program acts for its owner.
    KeyId = "key";
    /// A link that shares a flow with whoever has it.
    LinkId = "link";
    /// One execution of a flow.
    RunId = "run";
    /// What somebody has sent to a run.
    RunFileId = "file";
    /// What running the test cases of a flow came to.
    TestResultId = "test result";
    /// A link with which people join a workspace.
    InvitationId = "invitation";
    /// Somebody whom a workspace tells what happens in it.
    WebhookId = "webhook";
    /// Names one attempt to append to the log, so that repeating it is a no-op.
    BatchId = "batch";
    /// One running server of a cluster; another each time it starts.
    NodeId = "node";
}

/// What somebody acts with. What it allows lasts as long as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Credential {
    Session(SessionId),
    Key(KeyId),
    Link(LinkId),
}

impl fmt::Display for Credential {
    /// `session:…`, `key:…`, `link:…`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Link(id) => write!(f, "link:{id}"),
        }
    }
}

/// Who delivered an update: a person, or the server on its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ActorId {
    User(UserId),
    Server,
}

impl ActorId {
    /// The user, if it was one: `None` is the server itself.
    #[must_use]
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Server => None,
        }
    }
}

impl From<Option<UserId>> for ActorId {
    fn from(user: Option<UserId>) -> Self {
        user.map_or(Self::Server, Self::User)
    }
}

/// One socket (or other peer) of a room; unique within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

impl ConnId {
    /// The next number of this process.
    #[must_use]
    pub fn next() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = FlowId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in [id.as_uuid().simple().to_string(), id.as_uuid().urn().to_string(), String::new()] {
            assert!(other.parse::<FlowId>().is_err(), "{other}");
        }
    }

    #[test]
    fn later_ids_sort_later() {
        let (first, second) = (FlowId::generate(), FlowId::generate());
        assert!(first < second);
    }
}
