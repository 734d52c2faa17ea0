//! What is wrong with a flow, in terms a program and a person understand.

use std::fmt;

use serde::{Serialize, Serializer};

/// One finding. A document is never repaired behind its authors' backs: it is
/// read as well as it can be, and this says what could not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: Code,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// The field's path inside the node, such as `blocks/b1/text`, or the key of
    /// a variable, a setting, a test case or `meta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Diagnostic {
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { severity: code.severity(), code, message: message.into(), node: None, edge: None, field: None }
    }

    /// Of something that does not bear on what the flow does.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    #[must_use]
    pub fn node(mut self, id: &str) -> Self {
        self.node = Some(id.to_owned());
        self
    }

    #[must_use]
    pub fn edge(mut self, id: &str) -> Self {
        self.edge = Some(id.to_owned());
        self
    }

    #[must_use]
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.field = Some(path.into());
        self
    }
}

/// Errors keep a flow from being published; warnings do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    Error,
    Warning,
}

macro_rules! codes {
    ($($name:ident $text:literal $severity:ident $doc:literal;)*) => {
        /// Stable names of findings. New ones may be added; none changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $doc] $name,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),* }
            }

            /// What the code means, for the page that lists them.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$name => $doc),* }
            }
        }
    };
}

codes! {
    WrongType "wrong_type" Error "A key of the document holds something of the wrong kind and was left out.";
    PlainValue "plain_value" Warning "Something that people edit together is stored as one plain value, so that concurrent edits replace each other.";
    NotJson "not_json" Warning "A value is no JSON (bytes, or not a number) and reads as null.";
    TooDeep "too_deep" Error "A value is nested too deeply; the rest was cut off.";
    BadKey "bad_key" Error "An id or key is empty, too long, reserved or has control characters or a slash; its entry was left out.";
    BadOrder "bad_order" Warning "An item of a list has no valid order; it is read as the first.";
    UnsupportedSchema "unsupported_schema" Error "The document's schema is not one this release reads.";
    EdgeIncomplete "edge_incomplete" Error "An edge lacks its source or its target and was left out.";
    EdgeIdMismatch "edge_id_mismatch" Warning "An edge's id is not the one its ends give, so that the same edge may be drawn twice.";
    DanglingEdge "dangling_edge" Error "An edge begins or ends at a node that is not there.";
    UnknownHandle "unknown_handle" Error "An edge begins at an output its node does not have.";
    NoInput "no_input" Error "An edge ends at a node that cannot be entered.";
    SeveralEdges "several_edges" Error "More than one edge begins at the same output.";
    UnknownNodeType "unknown_node_type" Error "The node's type is not one this release knows.";
    UnknownNodeVersion "unknown_node_version" Error "The node's type is known, but not at this version.";
    MissingField "missing_field" Error "A required field has no value.";
    WrongFieldType "wrong_field_type" Error "A field's value is of the wrong type.";
    UnknownChoice "unknown_choice" Error "A field's value is not one of its choices.";
    OutOfBounds "out_of_bounds" Error "A field's value is too small, too large or too long, or two bounds exclude each other.";
    BadVariableName "bad_variable_name" Error "A variable's name is not one an expression can use.";
    UndeclaredVariable "undeclared_variable" Warning "A field names a variable that the flow does not declare.";
    UnknownTarget "unknown_target" Error "A field names a node that is not there or is not executed.";
    BadParent "bad_parent" Warning "A node's parent is not a group, or the groups contain each other.";
    NoStart "no_start" Error "The flow has no start.";
    SeveralStarts "several_starts" Error "The flow has more than one start.";
    Unreachable "unreachable" Warning "No run can reach the node.";
    BadExpression "bad_expression" Error "A template, an expression or a pattern cannot be read.";
    EndlessCycle "endless_cycle" Error "A cycle has no input, delay or other pause, so that a run would spin.";
    TooManyNodes "too_many_nodes" Error "The flow has more nodes than a flow may have.";
    TooManyEdges "too_many_edges" Error "The flow has more edges than a flow may have.";
    TooManyTests "too_many_tests" Warning "The flow has more test cases than a flow may have.";
    LongWords "long_words" Warning "The flow's name, description or tags are more than the API takes; lists show their beginning.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The page that lists the codes, `docs/diagnostics.md`.
#[must_use]
pub fn diagnostics_page() -> String {
    let mut page = String::from(
        "# Diagnostics\n\n\
         What Interflow may find in a flow. Errors keep it from being published; warnings do not. The codes are\n\
         stable. Written by `cargo run -p flow-model --example diagnostics > docs/diagnostics.md`. What is found in a\n\
         test case (a `field` that begins with `tests/`) is a warning, whatever its code.\n\n\
         | code | severity | meaning |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let severity = match code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        page += &format!("| `{code}` | {severity} | {} |\n", code.explanation());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_the_codes_as_they_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/diagnostics.md");
        let committed = std::fs::read_to_string(path).expect("docs/diagnostics.md is there");
        assert!(
            committed == diagnostics_page(),
            "the codes changed; run: cargo run -p flow-model --example diagnostics > docs/diagnostics.md"
        );
    }
}
