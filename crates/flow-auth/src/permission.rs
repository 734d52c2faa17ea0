use flow_base::{Role, Scope, Scopes};

/// Something a person may want to do with a flow or a workspace. Handlers and sockets ask this
/// and nothing else whether a role suffices, and, of a program that acts with an API key,
/// whether the key has the scope, too.
///
/// | | viewer | commenter | editor | owner | scope |
/// |---|---|---|---|---|---|
/// | [`ReadFlow`](Self::ReadFlow) | yes | yes | yes | yes | read |
/// | [`ShowPresence`](Self::ShowPresence) | yes | yes | yes | yes | read |
/// | [`Comment`](Self::Comment) | | yes | yes | yes | edit |
/// | [`EditFlow`](Self::EditFlow) | | | yes | yes | edit |
/// | [`RenameFlow`](Self::RenameFlow) | | | yes | yes | edit |
/// | [`RunFlow`](Self::RunFlow) | | | yes | yes | run |
/// | [`TalkToFlow`](Self::TalkToFlow) | yes | yes | yes | yes | run |
/// | [`PublishFlow`](Self::PublishFlow) | | | yes | yes | manage |
/// | [`ManageMembers`](Self::ManageMembers) | | | | yes | manage |
/// | [`DeleteFlow`](Self::DeleteFlow) | | | | yes | manage |
/// | [`ReadWorkspace`](Self::ReadWorkspace) | yes | yes | yes | yes | read |
/// | [`CreateFlow`](Self::CreateFlow) | | | yes | yes | edit |
/// | [`ManageWorkspace`](Self::ManageWorkspace) | | | | yes | manage |
/// | [`ReadAudit`](Self::ReadAudit) | | | | yes | manage |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Open the flow, see its document, its members and who is there.
    ReadFlow,
    /// Be seen by the others: name, cursor, selection.
    ShowPresence,
    Comment,
    /// Change the document.
    EditFlow,
    /// Change name, description and tags.
    RenameFlow,
    /// Start runs of the flow as it is, and end anybody's; they act with the flow's credentials.
    RunFlow,
    /// Begin runs of the version that is active, and answer one's own.
    TalkToFlow,
    /// Decide which version runs, if any.
    PublishFlow,
    /// Give, change and remove roles, and links that share the flow; move it elsewhere.
    ManageMembers,
    DeleteFlow,
    /// See the workspace, its members and what it has.
    ReadWorkspace,
    /// Make flows in the workspace.
    CreateFlow,
    /// Rename the workspace, invite people, give, change and remove roles.
    ManageWorkspace,
    /// See what was done in the workspace, by whom and from where.
    ReadAudit,
}

impl Permission {
    pub const ALL: [Self; 14] = [
        Self::ReadFlow,
        Self::ShowPresence,
        Self::Comment,
        Self::EditFlow,
        Self::RenameFlow,
        Self::RunFlow,
        Self::TalkToFlow,
        Self::PublishFlow,
        Self::ManageMembers,
        Self::DeleteFlow,
        Self::ReadWorkspace,
        Self::CreateFlow,
        Self::ManageWorkspace,
        Self::ReadAudit,
    ];

    /// Whether the role and the scopes suffice.
    #[must_use]
    pub fn is_given_to(self, role: Role, scopes: Scopes) -> bool {
        role >= self.least_role() && self.is_within(scopes)
    }

    /// Whether the scopes suffice, whatever the role is.
    #[must_use]
    pub const fn is_within(self, scopes: Scopes) -> bool {
        scopes.contains(self.scope())
    }

    /// The table. Roles are ordered, so one word a row says the row.
    const fn least_role(self) -> Role {
        match self {
            Self::ReadFlow | Self::ShowPresence | Self::TalkToFlow | Self::ReadWorkspace => Role::Viewer,
            Self::Comment => Role::Commenter,
            Self::EditFlow | Self::RenameFlow | Self::RunFlow | Self::PublishFlow | Self::CreateFlow => {
                Role::Editor
            }
            Self::ManageMembers | Self::DeleteFlow | Self::ManageWorkspace | Self::ReadAudit => Role::Owner,
        }
    }

    /// Its last column.
    const fn scope(self) -> Scope {
        match self {
            Self::ReadFlow | Self::ShowPresence | Self::ReadWorkspace => Scope::Read,
            Self::Comment | Self::EditFlow | Self::RenameFlow | Self::CreateFlow => Scope::Edit,
            Self::RunFlow | Self::TalkToFlow => Scope::Run,
            Self::PublishFlow
            | Self::ManageMembers
            | Self::DeleteFlow
            | Self::ManageWorkspace
            | Self::ReadAudit => Scope::Manage,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn the_table_is_as_documented() {
        let mut table = String::new();
        for permission in Permission::ALL {
            let roles: Vec<_> = [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner]
                .into_iter()
                .filter(|role| permission.is_given_to(*role, Scopes::ALL))
                .map(Role::as_str)
                .collect();
            let name = format!("{permission:?}");
            let scope = permission.scope().as_str();
            writeln!(table, "{name:<15} {scope:<6} {}", roles.join(" ")).unwrap();
        }
        expect![[r#"
            ReadFlow        read   viewer commenter editor owner
            ShowPresence    read   viewer commenter editor owner
            Comment         edit   commenter editor owner
            EditFlow        edit   editor owner
            RenameFlow      edit   editor owner
            RunFlow         run    editor owner
            TalkToFlow      run    viewer commenter editor owner
            PublishFlow     manage editor owner
            ManageMembers   manage owner
            DeleteFlow      manage owner
            ReadWorkspace   read   viewer commenter editor owner
            CreateFlow      edit   editor owner
            ManageWorkspace manage owner
            ReadAudit       manage owner
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn the_documentation_shows_the_table() {
        let source = include_str!("permission.rs");
        for permission in Permission::ALL {
            let name = format!("{permission:?}");
            let cells = [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner]
                .map(|role| if permission.is_given_to(role, Scopes::ALL) { " yes |" } else { " |" });
            let scope = permission.scope().as_str();
            let row = format!("/// | [`{name}`](Self::{name}) |{} {scope} |\n", cells.concat());
            assert!(source.contains(&row), "missing: {row}");
        }
    }

    #[test]
    fn a_key_may_do_what_both_its_owners_role_and_its_scopes_allow() {
        for permission in Permission::ALL {
            for scope in Scope::ALL {
                let only = Scopes::from_iter([scope]);
                let others = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
                let is_its = permission.scope() == scope;
                assert_eq!(permission.is_given_to(Role::Owner, only), is_its, "{permission:?} {scope:?}");
                assert_eq!(permission.is_given_to(Role::Owner, others), !is_its, "{permission:?} {scope:?}");
            }
            assert!(!permission.is_given_to(Role::Owner, Scopes::default()));
        }
        assert!(!Permission::EditFlow.is_given_to(Role::Viewer, Scopes::ALL), "a scope gives no role");
    }
}
