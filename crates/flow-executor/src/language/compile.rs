//! From minijinja's tree to ours: names become places, filters and tests are looked up, and
//! what is not part of the language is refused.

use std::sync::Arc;

use minijinja::Value as Parsed;
use minijinja::machinery::{Token, ast as jinja, parse, parse_expr, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;

use super::ast::{BinaryOp, Call, Comparison, Expr, Loop, Part, Slice};
use super::error::ParseError;
use super::filters::Filter;
use super::names::Names;
use super::predicates::Predicate;
use crate::value::{Object, Value};

/// The longest source: longer than any field of a flow.
const SOURCE_CHARS_MAX: usize = 100_000;
/// Tokens of one expression at most. The parser nests one level for each operator of a
/// chain, and nothing of it may be deeper than the stack.
const TOKENS_MAX: usize = 1_000;
/// How deep our own tree may be.
const DEPTH_MAX: usize = 200;
/// The longest line. The parser counts columns in 16 bits.
const LINE_BYTES_MAX: usize = u16::MAX as usize;

pub(super) fn template(source: &str, names: &mut Names) -> Result<Vec<Part>, ParseError> {
    check(source, false)?;
    let parsed = parse(source, "", SyntaxConfig::default()).map_err(|error| syntax(&error))?;
    let jinja::Stmt::Template(template) = &parsed else {
        return Err(ParseError::Unsupported("this"));
    };
    let mut compiler = Compiler { names, locals: Vec::new(), depth: 0 };
    compiler.parts(&template.children)
}

pub(super) fn expression(source: &str, names: &mut Names) -> Result<Expr, ParseError> {
    check(source, true)?;
    let parsed = parse_expr(source).map_err(|error| syntax(&error))?;
    Compiler { names, locals: Vec::new(), depth: 0 }.expr(&parsed)
}

/// What the parser cannot take is kept from it.
fn check(source: &str, in_expr: bool) -> Result<(), ParseError> {
    if source.len() > SOURCE_CHARS_MAX {
        return Err(ParseError::TooLong(SOURCE_CHARS_MAX));
    }
    if source.lines().any(|line| line.len() > LINE_BYTES_MAX) {
        return Err(ParseError::TooLong(LINE_BYTES_MAX));
    }
    let mut tokens = 0;
    for token in tokenize(source, in_expr, SyntaxConfig::default()) {
        let (token, _) = token.map_err(|error| syntax(&error))?;
        tokens = match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => 0,
            _ => tokens + 1,
        };
        if tokens > TOKENS_MAX {
            return Err(ParseError::TooManyParts(TOKENS_MAX));
        }
    }
    Ok(())
}

fn syntax(error: &minijinja::Error) -> ParseError {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    ParseError::Syntax { message, line: error.line().filter(|line| *line > 1) }
}

struct Compiler<'n> {
    names: &'n mut Names,
    /// The variables of the loops around.
    locals: Vec<Arc<str>>,
    depth: usize,
}

impl Compiler<'_> {
    fn parts(&mut self, statements: &[jinja::Stmt<'_>]) -> Result<Vec<Part>, ParseError> {
        self.deeper(|this| statements.iter().map(|statement| this.part(statement)).collect())
    }

    fn part(&mut self, statement: &jinja::Stmt<'_>) -> Result<Part, ParseError> {
        use jinja::Stmt as S;
        let unsupported = match statement {
            S::EmitRaw(raw) => return Ok(Part::Text(raw.raw.into())),
            S::EmitExpr(emit) => {
                let expr = self.expr(&emit.expr)?;
                let is_json = matches!(&expr, Expr::Filter(call) if call.what == Filter::ToJson);
                return Ok(Part::Value { expr, is_json });
            }
            S::IfCond(condition) => {
                let test = self.expr(&condition.expr)?;
                let then = self.parts(&condition.true_body)?;
                return Ok(Part::If { test, then, otherwise: self.parts(&condition.false_body)? });
            }
            S::ForLoop(each) if !each.recursive => return self.each(each),
            S::ForLoop(_) => "for … recursive",
            S::WithBlock(_) => "with",
            S::Set(_) | S::SetBlock(_) => "set",
            S::AutoEscape(_) => "autoescape",
            S::FilterBlock(_) => "filter",
            S::Do(_) => "do",
            S::Template(_) => "template",
        };
        Err(ParseError::Statement(unsupported))
    }

    fn each(&mut self, each: &jinja::ForLoop<'_>) -> Result<Part, ParseError> {
        let items = self.expr(&each.iter)?;
        let targets: Vec<Arc<str>> = match &each.target {
            jinja::Expr::Var(name) => vec![name.id.into()],
            jinja::Expr::List(names) => targets(&names.items)?,
            jinja::Expr::Tuple(names) => targets(&names.items)?,
            _ => return Err(ParseError::Unsupported("such a target of a loop")),
        };
        let outside = self.locals.len();
        let count = u32::try_from(targets.len()).expect("one or two");
        self.locals.extend(targets);
        self.locals.push("loop".into());
        let test = each.filter_expr.as_ref().map(|test| self.expr(test)).transpose();
        let body = self.parts(&each.body);
        self.locals.truncate(outside);
        let otherwise = self.parts(&each.else_body)?;
        Ok(Part::For(Box::new(Loop { targets: count, items, test: test?, body: body?, otherwise })))
    }

    fn deeper<T>(&mut self, go: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth == DEPTH_MAX {
            return Err(ParseError::TooDeep(DEPTH_MAX));
        }
        self.depth += 1;
        let result = go(self);
        self.depth -= 1;
        result
    }

    fn boxed(&mut self, expr: &jinja::Expr<'_>) -> Result<Box<Expr>, ParseError> {
        self.expr(expr).map(Box::new)
    }

    fn pair(
        &mut self,
        left: &jinja::Expr<'_>,
        right: &jinja::Expr<'_>,
    ) -> Result<Box<(Expr, Expr)>, ParseError> {
        Ok(Box::new((self.expr(left)?, self.expr(right)?)))
    }

    fn all(&mut self, exprs: &[jinja::Expr<'_>]) -> Result<Vec<Expr>, ParseError> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn optional(&mut self, expr: Option<&jinja::Expr<'_>>) -> Result<Option<Expr>, ParseError> {
        expr.map(|expr| self.expr(expr)).transpose()
    }

    fn expr(&mut self, expr: &jinja::Expr<'_>) -> Result<Expr, ParseError> {
        self.deeper(|this| this.expr_here(expr))
    }

    fn expr_here(&mut self, expr: &jinja::Expr<'_>) -> Result<Expr, ParseError> {
        use jinja::Expr as E;
        Ok(match expr {
            E::Const(constant) => Expr::Const(constant_value(&constant.value)?),
            E::Var(var) => self.variable(var.id),
            E::GetAttr(get) => Expr::Attribute(Box::new((self.expr(&get.expr)?, get.name.into()))),
            E::GetItem(get) => Expr::Item(self.pair(&get.expr, &get.subscript_expr)?),
            E::Slice(slice) => Expr::Slice(Box::new(Slice {
                of: self.expr(&slice.expr)?,
                start: self.optional(slice.start.as_ref())?,
                stop: self.optional(slice.stop.as_ref())?,
                step: self.optional(slice.step.as_ref())?,
            })),
            E::UnaryOp(unary) => match unary.op {
                jinja::UnaryOpKind::Not => Expr::Not(self.boxed(&unary.expr)?),
                jinja::UnaryOpKind::Neg => Expr::Negate(self.boxed(&unary.expr)?),
            },
            E::BinOp(binary) => self.binary(binary)?,
            E::Compare(compare) => {
                let rest = compare.ops.iter().map(|op| Ok((comparison(op.op), self.expr(&op.expr)?)));
                let rest = rest.collect::<Result<_, _>>()?;
                Expr::Compare(Box::new((self.expr(&compare.expr)?, rest)))
            }
            E::IfExpr(choice) => Expr::If(Box::new((
                self.expr(&choice.test_expr)?,
                self.expr(&choice.true_expr)?,
                self.optional(choice.false_expr.as_ref())?,
            ))),
            E::Filter(filter) => {
                let input = filter.expr.as_ref().ok_or(ParseError::Unsupported("a filter of nothing"))?;
                let what = Filter::named(filter.name)
                    .ok_or_else(|| ParseError::UnknownFilter(filter.name.to_owned()))?;
                let call = self.call(what, input, &filter.args)?;
                what.arguments().check(filter.name, &call)?;
                Expr::Filter(Box::new(call))
            }
            E::Test(test) => {
                let what = Predicate::named(test.name)
                    .ok_or_else(|| ParseError::UnknownTest(test.name.to_owned()))?;
                let call = self.call(what, &test.expr, &test.args)?;
                what.arguments().check(test.name, &call)?;
                Expr::Test(Box::new(call))
            }
            E::Call(call) => self.function(call)?,
            E::List(list) => Expr::List(self.all(&list.items)?),
            E::Tuple(tuple) => Expr::List(self.all(&tuple.items)?),
            E::Map(map) => {
                let fields = map.keys.iter().zip(&map.values);
                Expr::Object(
                    fields
                        .map(|(key, value)| Ok((self.expr(key)?, self.expr(value)?)))
                        .collect::<Result<_, _>>()?,
                )
            }
        })
    }

    fn variable(&mut self, name: &str) -> Expr {
        match self.locals.iter().rposition(|local| &**local == name) {
            Some(local) => Expr::Local(u32::try_from(local).expect("loops are few")),
            None => Expr::Slot(self.names.slot(name)),
        }
    }

    fn binary(&mut self, binary: &jinja::BinOp<'_>) -> Result<Expr, ParseError> {
        use jinja::BinOpKind as B;
        let pair = self.pair(&binary.left, &binary.right)?;
        let op = match binary.op {
            B::ScAnd => return Ok(Expr::And(pair)),
            B::ScOr => return Ok(Expr::Or(pair)),
            B::Add => BinaryOp::Add,
            B::Sub => BinaryOp::Subtract,
            B::Mul => BinaryOp::Multiply,
            B::Div => BinaryOp::Divide,
            B::FloorDiv => BinaryOp::FloorDivide,
            B::Rem => BinaryOp::Remainder,
            B::Pow => BinaryOp::Power,
            B::Concat => BinaryOp::Concatenate,
            B::Eq => return Ok(compare(*pair, Comparison::Equal)),
            B::Ne => return Ok(compare(*pair, Comparison::NotEqual)),
            B::Lt => return Ok(compare(*pair, Comparison::Less)),
            B::Lte => return Ok(compare(*pair, Comparison::AtMost)),
            B::Gt => return Ok(compare(*pair, Comparison::Greater)),
            B::Gte => return Ok(compare(*pair, Comparison::AtLeast)),
            B::In => return Ok(compare(*pair, Comparison::In)),
        };
        Ok(Expr::Binary(op, pair))
    }

    fn call<F>(
        &mut self,
        what: F,
        input: &jinja::Expr<'_>,
        given: &[jinja::CallArg<'_>],
    ) -> Result<Call<F>, ParseError> {
        let input = self.expr(input)?;
        let (arguments, named) = self.arguments(given)?;
        Ok(Call { what, input, arguments, named })
    }

    #[expect(clippy::type_complexity, reason = "by place, and by name")]
    fn arguments(
        &mut self,
        given: &[jinja::CallArg<'_>],
    ) -> Result<(Vec<Expr>, Vec<(Arc<str>, Expr)>), ParseError> {
        let (mut arguments, mut named) = (Vec::new(), Vec::new());
        for argument in given {
            match argument {
                jinja::CallArg::Pos(expr) => arguments.push(self.expr(expr)?),
                jinja::CallArg::Kwarg(name, expr) => named.push((Arc::from(*name), self.expr(expr)?)),
                jinja::CallArg::PosSplat(_) | jinja::CallArg::KwargSplat(_) => {
                    return Err(ParseError::Unsupported("a splat"));
                }
            }
        }
        Ok((arguments, named))
    }

    /// There is one: `range`.
    fn function(&mut self, call: &jinja::Call<'_>) -> Result<Expr, ParseError> {
        let name = match &call.expr {
            jinja::Expr::Var(name) => name.id,
            jinja::Expr::GetAttr(get) => get.name,
            _ => return Err(ParseError::Unsupported("calling a value")),
        };
        if name != "range" || !matches!(call.expr, jinja::Expr::Var(_)) {
            return Err(ParseError::UnknownFunction(name.to_owned()));
        }
        let (arguments, named) = self.arguments(&call.args)?;
        if !(1..=3).contains(&arguments.len()) || !named.is_empty() {
            return Err(ParseError::Arguments { name: name.to_owned(), expected: "one to three numbers" });
        }
        Ok(Expr::Range(arguments))
    }
}

fn targets(names: &[jinja::Expr<'_>]) -> Result<Vec<Arc<str>>, ParseError> {
    let [jinja::Expr::Var(key), jinja::Expr::Var(value)] = names else {
        return Err(ParseError::Unsupported("such a target of a loop"));
    };
    Ok(vec![key.id.into(), value.id.into()])
}

fn compare((left, right): (Expr, Expr), comparison: Comparison) -> Expr {
    Expr::Compare(Box::new((left, vec![(comparison, right)])))
}

const fn comparison(op: jinja::CompareOpKind) -> Comparison {
    use jinja::CompareOpKind as C;
    match op {
        C::Eq => Comparison::Equal,
        C::Ne => Comparison::NotEqual,
        C::Lt => Comparison::Less,
        C::Lte => Comparison::AtMost,
        C::Gt => Comparison::Greater,
        C::Gte => Comparison::AtLeast,
        C::In => Comparison::In,
        C::NotIn => Comparison::NotIn,
    }
}

/// Constants are written as they are; the parser makes nothing of them but lists and maps.
fn constant_value(parsed: &Parsed) -> Result<Value, ParseError> {
    Ok(match parsed.kind() {
        ValueKind::Undefined | ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(parsed.is_true()),
        ValueKind::Number => match i64::try_from(parsed.clone()) {
            Ok(number) if parsed.is_integer() => Value::Int(number),
            _ => {
                let number = f64::try_from(parsed.clone()).map_err(|_| ParseError::Number)?;
                Value::number(number).ok_or(ParseError::Number)?
            }
        },
        ValueKind::String => Value::text(parsed.as_str().unwrap_or_default()),
        ValueKind::Seq => {
            let items = parsed.try_iter().map_err(|error| syntax(&error))?;
            Value::list(items.map(|item| constant_value(&item)).collect::<Result<_, _>>()?)
        }
        ValueKind::Map => {
            let mut fields = Object::new();
            for key in parsed.try_iter().map_err(|error| syntax(&error))? {
                let value = parsed.get_item(&key).map_err(|error| syntax(&error))?;
                fields.insert(key.to_string().into(), constant_value(&value)?);
            }
            Value::object(fields)
        }
        _ => return Err(ParseError::Unsupported("this constant")),
    })
}
