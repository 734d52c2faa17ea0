//! What an import says about what it could not keep.

use std::fmt;

use serde::{Serialize, Serializer};

/// Notes of an import at most; the last one then says that there are more.
pub const NOTES_MAX: usize = 1_000;

/// One thing that was dropped or works differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportNote {
    /// The node of the new flow; none where the note is about the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub code: NoteCode,
    pub message: String,
}

macro_rules! codes {
    ($($name:ident $text:literal $doc:literal;)*) => {
        /// Stable names of notes. New ones may be added; none changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum NoteCode {
            $(#[doc = $doc] $name,)*
        }

        impl NoteCode {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
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
    Placeholder "placeholder" "Nothing does what this node did: a placeholder stands for it and keeps the flow from being published.";
    Code "code" "The code of this node is not run; it is kept as text in a placeholder.";
    Changed "changed" "The node works, but not quite as it did.";
    OptionDropped "option_dropped" "An option has no counterpart and was left out.";
    FormattingLost "formatting_lost" "Formatting that Markdown does not have was left out.";
    TextCut "text_cut" "A text was longer than its field holds and was cut.";
    Incomplete "incomplete" "The export leaves something open; the diagnostics say what has to be filled in.";
    VariableRenamed "variable_renamed" "A variable has a name that expressions cannot use and got another.";
    VariableAdded "variable_added" "A variable was declared to hold what the export keeps elsewhere.";
    IdChanged "id_changed" "An id cannot be used here and got another.";
    DanglingEdge "dangling_edge" "An edge begins or ends at something that is not there and was left out.";
    FanOut "fan_out" "An output leads to several places at once. All edges are kept; the flow cannot be published until one is left.";
    SeveralStarts "several_starts" "More than one thing starts the flow; the others became placeholders.";
    Collapsed "collapsed" "A node that only passes on was left out; its edges are joined.";
    Expanded "expanded" "A subflow was copied to where it is used.";
    ConfigDropped "config_dropped" "A configuration that is no node of the canvas was left out.";
    SecretNeeded "secret_needed" "Exports hold no secrets: store it and name it in the node.";
    LiteralSecret "literal_secret" "What looks like a secret stands in the flow as it is: store it as a secret instead.";
    SourceLeftOut "source_left_out" "The export is too large to be kept in the flow.";
    MoreNotes "more_notes" "There are more notes than are listed.";
}

impl fmt::Display for NoteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for NoteCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
