//! The evaluator. How deep it goes is bounded by how deep the tree is, which is bounded when
//! it is compiled; what it builds and how long it takes, by its fuel.

use std::sync::Arc;

use super::ast::{Call, Comparison, Expr, Loop, Part, Slice};
use super::error::EvalError;
use super::filters::{self, Arguments, Filter};
use super::fuel::Fuel;
use super::names::Scope;
use super::operators;
use super::predicates::{self, Predicate};
use super::render::Writer;
use crate::value::{Object, Value};

/// What a variable that is not set means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    IsEmpty,
    IsError,
}

pub(super) struct Evaluator<'a> {
    scope: &'a dyn Scope,
    fuel: &'a mut Fuel,
    unknown: Unknown,
    locals: Vec<Value>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(scope: &'a dyn Scope, fuel: &'a mut Fuel, unknown: Unknown) -> Self {
        Self { scope, fuel, unknown, locals: Vec::new() }
    }

    pub(super) fn render(&mut self, parts: &[Part], out: &mut Writer) -> Result<(), EvalError> {
        for part in parts {
            self.fuel.steps(1)?;
            match part {
                Part::Text(text) => out.literal(self.fuel, text)?,
                Part::Value { expr, is_json } => {
                    if let Some(value) = self.look(expr)? {
                        out.value(self.fuel, &value, *is_json)?;
                    }
                }
                Part::If { test, then, otherwise } => {
                    let branch = if self.is_true(test)? { then } else { otherwise };
                    self.render(branch, out)?;
                }
                Part::For(each) => self.each(each, out)?,
            }
        }
        Ok(())
    }

    fn each(&mut self, each: &Loop, out: &mut Writer) -> Result<(), EvalError> {
        let items = self.look(&each.items)?.unwrap_or_default();
        let mut rounds: Vec<(Value, Option<Value>)> = match (&items, each.targets) {
            (Value::Null, _) => Vec::new(),
            (Value::List(items), 1) => items.iter().map(|item| (item.clone(), None)).collect(),
            (Value::Object(fields), 1) => {
                fields.keys().map(|name| (Value::Text(Arc::clone(name)), None)).collect()
            }
            (Value::Object(fields), _) => fields
                .iter()
                .map(|(name, value)| (Value::Text(Arc::clone(name)), Some(value.clone())))
                .collect(),
            (Value::List(items), _) => items.iter().map(unpacked).collect::<Result<_, _>>()?,
            _ => return Err(EvalError::Type(format!("cannot go through {}", items.kind()))),
        };
        self.fuel.steps(rounds.len())?;
        let outside = self.locals.len();
        if let Some(test) = &each.test {
            let mut kept = Vec::new();
            for round in rounds {
                self.enter(&round, Value::Null);
                let is_true = self.is_true(test);
                self.locals.truncate(outside);
                if is_true? {
                    kept.push(round);
                }
            }
            rounds = kept;
        }
        if rounds.is_empty() {
            return self.render(&each.otherwise, out);
        }
        let count = rounds.len();
        for (at, round) in rounds.iter().enumerate() {
            self.enter(round, loop_value(at, count));
            let rendered = self.render(&each.body, out);
            self.locals.truncate(outside);
            rendered?;
        }
        Ok(())
    }

    fn enter(&mut self, (first, second): &(Value, Option<Value>), round: Value) {
        self.locals.push(first.clone());
        self.locals.extend(second.clone());
        self.locals.push(round);
    }

    fn is_true(&mut self, expr: &Expr) -> Result<bool, EvalError> {
        Ok(self.look(expr)?.is_some_and(|value| value.is_true()))
    }

    /// The value, where one is needed.
    pub(super) fn value(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        Ok(self.look(expr)?.unwrap_or_default())
    }

    /// The value; `None` for what is not set, where that is no error.
    fn look(&mut self, expr: &Expr) -> Result<Option<Value>, EvalError> {
        match self.find(expr)? {
            None if self.unknown == Unknown::IsError => Err(EvalError::Unknown(self.describe(expr))),
            found => Ok(found),
        }
    }

    /// The value; `None` for what is not set.
    fn find(&mut self, expr: &Expr) -> Result<Option<Value>, EvalError> {
        self.fuel.steps(1)?;
        Ok(Some(match expr {
            Expr::Const(value) => value.clone(),
            Expr::Slot(slot) => return Ok(self.scope.get(*slot).cloned()),
            Expr::Local(local) => return Ok(self.locals.get(*local as usize).cloned()),
            Expr::Attribute(attribute) => {
                let of = self.look(&attribute.0)?;
                return Ok(of.and_then(|of| attribute_of(&of, &attribute.1)));
            }
            Expr::Item(item) => {
                let (of, at) = (self.look(&item.0)?, self.value(&item.1)?);
                return of.map_or(Ok(None), |of| item_of(&of, &at));
            }
            Expr::Slice(slice) => self.slice(slice)?,
            Expr::Not(expr) => Value::Bool(!self.is_true(expr)?),
            Expr::Negate(expr) => negate(&self.value(expr)?)?,
            Expr::Binary(op, pair) => {
                let (left, right) = (self.value(&pair.0)?, self.value(&pair.1)?);
                operators::binary(self.fuel, *op, &left, &right)?
            }
            // As in Python and JavaScript, the value that decides.
            Expr::And(pair) => {
                let left = self.look(&pair.0)?;
                return if left.as_ref().is_some_and(Value::is_true) { self.look(&pair.1) } else { Ok(left) };
            }
            Expr::Or(pair) => {
                let left = self.look(&pair.0)?;
                return if left.as_ref().is_some_and(Value::is_true) { Ok(left) } else { self.look(&pair.1) };
            }
            Expr::Compare(compare) => Value::Bool(self.compare(&compare.0, &compare.1)?),
            Expr::If(choice) => {
                let (test, then, otherwise) = &**choice;
                return match (self.is_true(test)?, otherwise) {
                    (true, _) => self.look(then),
                    (false, Some(otherwise)) => self.look(otherwise),
                    (false, None) => Ok(Some(Value::Null)),
                };
            }
            Expr::Filter(call) => self.filter(call)?,
            Expr::Test(call) => Value::Bool(self.test(call)?),
            Expr::List(items) => {
                let items = items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?;
                operators::list(self.fuel, items)?
            }
            Expr::Object(fields) => self.object(fields)?,
            Expr::Range(arguments) => self.range(arguments)?,
        }))
    }

    fn compare(&mut self, first: &Expr, rest: &[(Comparison, Expr)]) -> Result<bool, EvalError> {
        let mut left = self.value(first)?;
        for (comparison, right) in rest {
            let right = self.value(right)?;
            if !operators::compare(self.fuel, *comparison, &left, &right)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn filter(&mut self, call: &Call<Filter>) -> Result<Value, EvalError> {
        let input =
            if call.what == Filter::Default { self.find(&call.input)? } else { self.look(&call.input)? };
        let arguments = self.arguments(&call.arguments, &call.named)?;
        filters::apply(self.fuel, call.what, input, &arguments)
    }

    fn test(&mut self, call: &Call<Predicate>) -> Result<bool, EvalError> {
        let input = match call.what {
            Predicate::Defined | Predicate::Undefined => self.find(&call.input)?,
            _ => self.look(&call.input)?,
        };
        let arguments = self.arguments(&call.arguments, &call.named)?;
        predicates::holds(self.fuel, call.what, input.as_ref(), &arguments)
    }

    fn arguments(&mut self, placed: &[Expr], named: &[(Arc<str>, Expr)]) -> Result<Arguments, EvalError> {
        let placed = placed.iter().map(|expr| self.value(expr)).collect::<Result<_, _>>()?;
        let named = named.iter().map(|(name, expr)| Ok((Arc::clone(name), self.value(expr)?)));
        Ok(Arguments { placed, named: named.collect::<Result<_, _>>()? })
    }

    fn object(&mut self, fields: &[(Expr, Expr)]) -> Result<Value, EvalError> {
        let mut object = Object::new();
        for (name, value) in fields {
            let name = match self.value(name)? {
                Value::Text(name) => name,
                other => return Err(EvalError::Type(format!("{} is no name of a field", other.kind()))),
            };
            object.insert(name, self.value(value)?);
        }
        let object = Value::object(object);
        self.fuel.build(object.bytes())?;
        operators::shallow(object)
    }

    fn range(&mut self, arguments: &[Expr]) -> Result<Value, EvalError> {
        let mut numbers = Vec::new();
        for argument in arguments {
            numbers.push(whole(&self.value(argument)?)?);
        }
        let (start, stop, step) = match numbers[..] {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step, ..] => (start, stop, step),
            [] => (0, 0, 1),
        };
        let mut items = Vec::new();
        let mut at = start;
        while (step > 0 && at < stop) || (step < 0 && at > stop) {
            self.fuel.steps(1)?;
            items.push(Value::Int(at));
            at = at.checked_add(step).ok_or(EvalError::Number)?;
        }
        operators::list(self.fuel, items)
    }

    fn slice(&mut self, slice: &Slice) -> Result<Value, EvalError> {
        let of = self.value(&slice.of)?;
        let mut bound = |expr: &Option<Expr>| match expr {
            Some(expr) => match self.value(expr)? {
                Value::Null => Ok(None),
                value => whole(&value).map(Some),
            },
            None => Ok(None),
        };
        let (start, stop, step) =
            (bound(&slice.start)?, bound(&slice.stop)?, bound(&slice.step)?.unwrap_or(1));
        match &of {
            Value::Text(text) => {
                self.fuel.build(text.len())?;
                let chars: Vec<char> = text.chars().collect();
                Ok(Value::text(picked(&chars, start, stop, step)?.into_iter().collect::<String>()))
            }
            Value::List(items) => {
                let items = picked(items, start, stop, step)?;
                operators::list(self.fuel, items)
            }
            Value::Null => Ok(Value::Null),
            other => Err(EvalError::Type(format!("cannot take a part of {}", other.kind()))),
        }
    }

    /// What to call an expression that came to nothing.
    fn describe(&self, expr: &Expr) -> String {
        match expr {
            Expr::Slot(slot) => self.scope.name(*slot).to_owned(),
            Expr::Attribute(attribute) => format!("{}.{}", self.describe(&attribute.0), attribute.1),
            Expr::Item(item) => match &item.1 {
                Expr::Const(at) => format!("{}[{}]", self.describe(&item.0), at.to_json()),
                _ => format!("{}[…]", self.describe(&item.0)),
            },
            _ => "a value".to_owned(),
        }
    }
}

fn unpacked(item: &Value) -> Result<(Value, Option<Value>), EvalError> {
    match item {
        Value::List(pair) if pair.len() == 2 => Ok((pair[0].clone(), Some(pair[1].clone()))),
        other => Err(EvalError::Type(format!("{} is no pair", other.kind()))),
    }
}

/// `loop` in the body of one.
fn loop_value(at: usize, count: usize) -> Value {
    let number = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let fields = [
        ("index", number(at + 1)),
        ("index0", number(at)),
        ("first", Value::Bool(at == 0)),
        ("last", Value::Bool(at + 1 == count)),
        ("length", number(count)),
    ];
    Value::object(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

pub(super) fn attribute_of(of: &Value, name: &str) -> Option<Value> {
    match of {
        Value::Object(fields) => fields.get(name).cloned(),
        // As JavaScript has it, and people write it.
        Value::List(items) if name == "length" => i64::try_from(items.len()).ok().map(Value::Int),
        _ => None,
    }
}

fn item_of(of: &Value, at: &Value) -> Result<Option<Value>, EvalError> {
    match (of, at) {
        (Value::Object(fields), Value::Text(name)) => Ok(fields.get(name).cloned()),
        (Value::List(items), _) => {
            let at = whole(at)?;
            let place = if at < 0 { at.checked_add_unsigned(items.len() as u64) } else { Some(at) };
            Ok(place
                .and_then(|place| usize::try_from(place).ok())
                .and_then(|place| items.get(place).cloned()))
        }
        (Value::Text(text), Value::Int(at)) => {
            let place =
                if *at < 0 { at.checked_add_unsigned(text.chars().count() as u64) } else { Some(*at) };
            let place = place.and_then(|place| usize::try_from(place).ok());
            Ok(place.and_then(|place| text.chars().nth(place)).map(|c| Value::text(c.to_string())))
        }
        (Value::Null, _) => Ok(None),
        _ => Err(EvalError::Type(format!("{} has no item {}", of.kind(), at.to_json()))),
    }
}

/// A whole number, however it is written.
pub(super) fn whole(value: &Value) -> Result<i64, EvalError> {
    match value {
        Value::Int(number) => Ok(*number),
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(*number as i64),
        other => Err(EvalError::Type(format!("{} is no whole number", other.kind()))),
    }
}

fn negate(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or(EvalError::Number),
        Value::Float(number) => Ok(Value::Float(-number)),
        other => Err(EvalError::Type(format!("{} has no negative", other.kind()))),
    }
}

/// Those between the two places, as Python counts them.
fn picked<T: Clone>(
    items: &[T],
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
) -> Result<Vec<T>, EvalError> {
    if step == 0 {
        return Err(EvalError::Type("a step of zero leads nowhere".to_owned()));
    }
    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (least, most) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let place = |bound: Option<i64>, default: i64| match bound {
        None => default,
        Some(bound) if bound < 0 => bound.saturating_add(len).clamp(least, most),
        Some(bound) => bound.clamp(least, most),
    };
    let (mut at, stop) =
        if step > 0 { (place(start, 0), place(stop, len)) } else { (place(start, len - 1), place(stop, -1)) };
    let mut picked = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        picked.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
        at = at.saturating_add(step);
    }
    Ok(picked)
}
