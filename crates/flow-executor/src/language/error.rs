/// Why a template or an expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("{message}{}", line.map(|line| format!(" (line {line})")).unwrap_or_default())]
    Syntax { message: String, line: Option<usize> },
    #[error("it is longer than {0} characters")]
    TooLong(usize),
    #[error("one expression has more than {0} parts")]
    TooManyParts(usize),
    #[error("it is nested deeper than {0}")]
    TooDeep(usize),
    #[error("{{% {0} %}} is not part of the language")]
    Statement(&'static str),
    #[error("there is no filter {0:?}")]
    UnknownFilter(String),
    #[error("there is no test {0:?}")]
    UnknownTest(String),
    #[error("there is no function {0:?}")]
    UnknownFunction(String),
    #[error("{name} takes {expected}")]
    Arguments { name: String, expected: &'static str },
    #[error("{0} is not part of the language")]
    Unsupported(&'static str),
    #[error("a number is too large")]
    Number,
}

/// Why a template or an expression came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    #[error("{0} is not set")]
    Unknown(String),
    #[error("{0}")]
    Type(String),
    #[error("a division by zero")]
    DivisionByZero,
    #[error("a number is too large")]
    Number,
    #[error("a value is larger than {0} bytes")]
    ValueTooLarge(usize),
    #[error("it builds more than {0} bytes")]
    TooMuch(usize),
    #[error("it takes more than {0} steps")]
    TooLong(usize),
    #[error("a value is nested deeper than {0}")]
    TooDeep(usize),
    /// What is put into a header must not end it.
    #[error("a header cannot hold a line break")]
    LineBreak,
}

impl EvalError {
    /// Whether it used up what one evaluation may use.
    #[must_use]
    pub const fn is_exhausted(&self) -> bool {
        matches!(self, Self::ValueTooLarge(_) | Self::TooMuch(_) | Self::TooLong(_) | Self::TooDeep(_))
    }
}
