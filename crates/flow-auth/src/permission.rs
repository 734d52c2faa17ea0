use flow_base::Role;

/// Something a person may want to do with a flow. Handlers and sockets ask this
/// and nothing else whether a role suffices.
///
/// | | viewer | commenter | editor | owner |
/// |---|---|---|---|---|
/// | [`ReadFlow`](Self::ReadFlow) | yes | yes | yes | yes |
/// | [`ShowPresence`](Self::ShowPresence) | yes | yes | yes | yes |
/// | [`Comment`](Self::Comment) | | yes | yes | yes |
/// | [`EditFlow`](Self::EditFlow) | | | yes | yes |
/// | [`RenameFlow`](Self::RenameFlow) | | | yes | yes |
/// | [`RunFlow`](Self::RunFlow) | | | yes | yes |
/// | [`PublishFlow`](Self::PublishFlow) | | | yes | yes |
/// | [`ManageMembers`](Self::ManageMembers) | | | | yes |
/// | [`DeleteFlow`](Self::DeleteFlow) | | | | yes |
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
    /// Start and stop runs, which act with the flow's credentials.
    RunFlow,
    /// Decide which version runs, if any.
    PublishFlow,
    /// Give, change and remove roles.
    ManageMembers,
    DeleteFlow,
}

impl Permission {
    pub const ALL: [Self; 9] = [
        Self::ReadFlow,
        Self::ShowPresence,
        Self::Comment,
        Self::EditFlow,
        Self::RenameFlow,
        Self::RunFlow,
        Self::PublishFlow,
        Self::ManageMembers,
        Self::DeleteFlow,
    ];

    /// Whether the role suffices.
    #[must_use]
    pub fn is_given_to(self, role: Role) -> bool {
        role >= self.least_role()
    }

    /// The table. Roles are ordered, so one word a row says the row.
    const fn least_role(self) -> Role {
        match self {
            Self::ReadFlow | Self::ShowPresence => Role::Viewer,
            Self::Comment => Role::Commenter,
            Self::EditFlow | Self::RenameFlow | Self::RunFlow | Self::PublishFlow => Role::Editor,
            Self::ManageMembers | Self::DeleteFlow => Role::Owner,
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
                .filter(|role| permission.is_given_to(*role))
                .map(Role::as_str)
                .collect();
            writeln!(table, "{:<13} {}", format!("{permission:?}"), roles.join(" ")).unwrap();
        }
        expect![[r#"
            ReadFlow      viewer commenter editor owner
            ShowPresence  viewer commenter editor owner
            Comment       commenter editor owner
            EditFlow      editor owner
            RenameFlow    editor owner
            RunFlow       editor owner
            PublishFlow   editor owner
            ManageMembers owner
            DeleteFlow    owner
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn the_documentation_shows_the_table() {
        let source = include_str!("permission.rs");
        for permission in Permission::ALL {
            let name = format!("{permission:?}");
            let cells = [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner]
                .map(|role| if permission.is_given_to(role) { " yes |" } else { " |" });
            let row = format!("/// | [`{name}`](Self::{name}) |{}\n", cells.concat());
            assert!(source.contains(&row), "missing: {row}");
        }
    }
}
