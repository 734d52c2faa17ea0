use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Role, Scope, Scopes};

/// What somebody with a share link is to its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkRole {
    /// May look.
    Viewer,
    /// May look, and change the document.
    Editor,
    /// May talk to the flow while a version of it runs, and see nothing of it.
    Run,
}

/// A text that names no role of a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role of a link: expected viewer, editor or run")]
pub struct LinkRoleError(String);

impl LinkRole {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Run];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Run => "run",
        }
    }

    /// The role that bounds what they may do; their scopes bound it further.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Viewer | Self::Run => Role::Viewer,
            Self::Editor => Role::Editor,
        }
    }

    #[must_use]
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Viewer => Scopes::from_iter([Scope::Read]),
            Self::Editor => Scopes::from_iter([Scope::Read, Scope::Edit]),
            Self::Run => Scopes::from_iter([Scope::Run]),
        }
    }
}

impl fmt::Display for LinkRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LinkRole {
    type Err = LinkRoleError;

    fn from_str(text: &str) -> Result<Self, LinkRoleError> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);
        known.ok_or_else(|| LinkRoleError(text.chars().take(64).collect()))
    }
}
