use std::sync::Arc;

use super::filters::Filter;
use super::names::Slot;
use super::predicates::Predicate;
use crate::value::Value;

/// A part of a template.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(Arc<str>),
    Value {
        expr: Expr,
        /// It is JSON already: its last filter has made it so.
        is_json: bool,
    },
    If {
        test: Expr,
        then: Vec<Part>,
        otherwise: Vec<Part>,
    },
    For(Box<Loop>),
}

/// `{% for target in items if test %}…{% else %}…{% endfor %}`. While it runs, the item is the
/// next local; behind it comes `loop`, or, for two targets, the second and then `loop`.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    /// How many targets: one, or key and value.
    pub(super) targets: u32,
    pub(super) items: Expr,
    pub(super) test: Option<Expr>,
    pub(super) body: Vec<Part>,
    pub(super) otherwise: Vec<Part>,
}

#[derive(Debug, Clone)]
pub(super) enum Expr {
    Const(Value),
    Slot(Slot),
    /// A variable of a loop, counted from the outermost one.
    Local(u32),
    Attribute(Box<(Expr, Arc<str>)>),
    Item(Box<(Expr, Expr)>),
    Slice(Box<Slice>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(BinaryOp, Box<(Expr, Expr)>),
    And(Box<(Expr, Expr)>),
    Or(Box<(Expr, Expr)>),
    /// `a < b < c`: each neighbour with the next.
    Compare(Box<(Expr, Vec<(Comparison, Expr)>)>),
    If(Box<(Expr, Expr, Option<Expr>)>),
    Filter(Box<Call<Filter>>),
    Test(Box<Call<Predicate>>),
    List(Vec<Expr>),
    Object(Vec<(Expr, Expr)>),
    Range(Vec<Expr>),
}

#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) of: Expr,
    pub(super) start: Option<Expr>,
    pub(super) stop: Option<Expr>,
    pub(super) step: Option<Expr>,
}

/// A filter or a test, with what it is given.
#[derive(Debug, Clone)]
pub(super) struct Call<F> {
    pub(super) what: F,
    pub(super) input: Expr,
    pub(super) arguments: Vec<Expr>,
    pub(super) named: Vec<(Arc<str>, Expr)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    Concatenate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    NotIn,
}
