use std::sync::Arc;

use super::Broken;
use super::read::Fields;
use crate::language::{Expression, Names};
use crate::value::Value;

#[derive(Debug)]
pub struct Condition {
    pub branches: Vec<Branch>,
    /// Values of different types are converted before they are compared.
    pub loose: bool,
}

#[derive(Debug)]
pub struct Branch {
    /// The output it opens.
    pub port: Arc<str>,
    pub test: Rule,
}

#[derive(Debug)]
pub enum Rule {
    Expression(Expression),
    Comparison(Comparison),
    Group { combine: Combine, rules: Vec<Rule> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    All,
    Any,
}

#[derive(Debug)]
pub struct Comparison {
    pub left: Expression,
    pub operator: Operator,
    pub right: Operand,
}

#[derive(Debug)]
pub enum Operand {
    Value(Value),
    Expression(Expression),
    /// A pattern that is fixed, compiled.
    Pattern(regex::Regex),
}

macro_rules! operators {
    ($($operator:ident $name:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operator {
            $($operator),+
        }

        impl Operator {
            pub const ALL: &[Self] = &[$(Self::$operator),+];

            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$operator),)+
                    _ => None,
                }
            }
        }
    };
}

operators! {
    Equals "equals";
    NotEquals "not_equals";
    Contains "contains";
    NotContains "not_contains";
    Greater "greater";
    AtLeast "at_least";
    Less "less";
    AtMost "at_most";
    IsSet "is_set";
    IsEmpty "is_empty";
    StartsWith "starts_with";
    EndsWith "ends_with";
    Matches "matches";
    NotMatches "not_matches";
    Before "before";
    After "after";
    InList "in_list";
    LengthEquals "length_equals";
    LengthGreater "length_greater";
    LengthLess "length_less";
}

/// How deep groups of rules may be in each other.
const GROUPS_MAX: usize = 20;

pub(super) fn condition(fields: &Fields<'_>, names: &mut Names) -> Result<Condition, Broken> {
    let mut branches = Vec::new();
    for branch in fields.list("branches") {
        let test = match branch.choice("kind")? {
            "expression" => Rule::Expression(branch.expression("expression", names)?),
            _ => group(&branch, names, 0)?,
        };
        branches.push(Branch { port: branch.id().into(), test });
    }
    Ok(Condition { branches, loose: fields.choice("mode")? == "loose" })
}

fn group(fields: &Fields<'_>, names: &mut Names, depth: usize) -> Result<Rule, Broken> {
    if depth == GROUPS_MAX {
        return Err(fields.broken("rules", "the groups are too deep in each other"));
    }
    let combine = if fields.choice("combine")? == "any" { Combine::Any } else { Combine::All };
    let items = fields.list("rules");
    if items.is_empty() {
        return Err(fields.missing("rules"));
    }
    let rules = items.iter().map(|item| match item.choice("kind")? {
        "group" => group(item, names, depth + 1),
        _ => comparison(item, names),
    });
    Ok(Rule::Group { combine, rules: rules.collect::<Result<_, _>>()? })
}

fn comparison(item: &Fields<'_>, names: &mut Names) -> Result<Rule, Broken> {
    let left = item.expression("left", names)?;
    let name = item.choice("operator")?;
    let operator = Operator::named(name).unwrap_or_else(|| unreachable!("the plan knows no {name}"));
    let right = match operator {
        Operator::IsSet | Operator::IsEmpty => Operand::Value(Value::Null),
        _ if item.choice("right_kind")? == "expression" => {
            Operand::Expression(item.expression("right_expression", names)?)
        }
        Operator::Matches | Operator::NotMatches => {
            let source = item.text("right").ok_or_else(|| item.missing("right"))?;
            Operand::Pattern(item.pattern("right", source)?)
        }
        _ => Operand::Value(item.json("right").map(Value::from).ok_or_else(|| item.missing("right"))?),
    };
    Ok(Rule::Comparison(Comparison { left, operator, right }))
}
