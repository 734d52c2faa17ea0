//! What variables hold.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Number, Value as Json};

/// A value of the language. Cheap to clone: texts, lists and objects are shared.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    /// Never infinite, never NaN: what would come to that is an error.
    Float(f64),
    Text(Arc<str>),
    List(Arc<Vec<Value>>),
    Object(Arc<Object>),
    DateTime(DateTime),
}

/// The fields of an object.
pub type Object = BTreeMap<Arc<str>, Value>;

/// A moment, and the offset from UTC that it was given with.
#[derive(Debug, Clone, Copy)]
pub struct DateTime {
    at: Timestamp,
    offset: Offset,
}

/// What a value takes in memory beyond its text, about.
const VALUE_BYTES: usize = 16;

/// How deep values may be, as those of documents are. What goes through them goes as deep.
pub const VALUE_DEPTH_MAX: usize = 32;

/// The key that marks a moment in [`Value::to_typed_json`].
const DATE_TIME: &str = "$datetime";

impl Value {
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    #[must_use]
    pub fn object(fields: Object) -> Self {
        Self::Object(Arc::new(fields))
    }

    /// The number; `None` if it is none that can be told.
    #[must_use]
    pub fn number(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Float(number))
    }

    /// What messages call a value of this kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "yes or no",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
            Self::DateTime(_) => "a date and time",
        }
    }

    /// Whether it counts as true where a condition is asked for: nothing, `false`, zero and
    /// what is empty do not.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Object(fields) => !fields.is_empty(),
            Self::DateTime(_) => true,
        }
    }

    #[must_use]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as JavaScript and JSON have it")]
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How deep lists and objects are in each other: 0 for everything else.
    #[must_use]
    pub fn depth(&self) -> usize {
        let deepest = |depths: &mut dyn Iterator<Item = usize>| 1 + depths.max().unwrap_or(0);
        match self {
            Self::List(items) => deepest(&mut items.iter().map(Self::depth)),
            Self::Object(fields) => deepest(&mut fields.values().map(Self::depth)),
            _ => 0,
        }
    }

    /// About what it takes in memory. Counts shared parts each time they are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        VALUE_BYTES
            + match self {
                Self::Text(text) => text.len(),
                Self::List(items) => items.iter().map(Self::bytes).sum(),
                Self::Object(fields) => {
                    fields.iter().map(|(name, value)| VALUE_BYTES + name.len() + value.bytes()).sum()
                }
                Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::DateTime(_) => 0,
            }
    }

    /// Whether the two are the same to the language: numbers by what they come to, moments
    /// by when they are.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(_) | Self::Float(_), Self::Int(_) | Self::Float(_)) => {
                self.compare(other) == Some(std::cmp::Ordering::Equal)
            }
            (Self::List(left), Self::List(right)) => {
                left.len() == right.len() && left.iter().zip(right.iter()).all(|(a, b)| a.equals(b))
            }
            (Self::Object(left), Self::Object(right)) => {
                left.len() == right.len()
                    && left.iter().zip(right.iter()).all(|((a, b), (c, d))| a == c && b.equals(d))
            }
            _ => self == other,
        }
    }

    /// Their order, if they have one: numbers, texts and moments, each among themselves.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Int(left), Self::Float(right)) => Some(compare_mixed(*left, *right)),
            (Self::Float(left), Self::Int(right)) => Some(compare_mixed(*right, *left).reverse()),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(right),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::DateTime(left), Self::DateTime(right)) => Some(left.at.cmp(&right.at)),
            _ => None,
        }
    }

    /// Plain JSON: a moment is its RFC 3339 text.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(number) => Json::Number((*number).into()),
            Self::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::Text(text) => Json::String(text.to_string()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Object(fields) => {
                Json::Object(fields.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect())
            }
            Self::DateTime(moment) => Json::String(moment.to_string()),
        }
    }

    /// JSON that [`Value::from_typed_json`] reads back as it was: a moment is
    /// `{"$datetime": …}`, and a name that begins with `$` has another `$` before it.
    #[must_use]
    pub fn to_typed_json(&self) -> Json {
        match self {
            Self::List(items) => Json::Array(items.iter().map(Self::to_typed_json).collect()),
            Self::Object(fields) => {
                let escaped =
                    |name: &str| if name.starts_with('$') { format!("${name}") } else { name.into() };
                let fields = fields.iter().map(|(name, value)| (escaped(name), value.to_typed_json()));
                Json::Object(fields.collect())
            }
            Self::DateTime(moment) => {
                Json::Object(Map::from_iter([(DATE_TIME.to_owned(), Json::String(moment.to_string()))]))
            }
            _ => self.to_json(),
        }
    }

    #[must_use]
    pub fn from_typed_json(json: &Json) -> Self {
        match json {
            Json::Array(items) => Self::list(items.iter().map(Self::from_typed_json).collect()),
            Json::Object(fields) => {
                if let Some(Json::String(text)) = fields.get(DATE_TIME)
                    && let Some(moment) = DateTime::parse(text)
                {
                    return Self::DateTime(moment);
                }
                let fields = fields.iter().map(|(name, value)| {
                    let name = if name.starts_with("$$") { &name[1..] } else { name };
                    (Arc::from(name), Self::from_typed_json(value))
                });
                Self::object(fields.collect())
            }
            _ => Self::from(json),
        }
    }
}

/// Without the loss that turning either into the other could mean.
fn compare_mixed(int: i64, float: f64) -> std::cmp::Ordering {
    // 2^63, which no i64 reaches, and which f64 has exactly.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float >= BEYOND {
        return std::cmp::Ordering::Less;
    }
    if float < -BEYOND {
        return std::cmp::Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was just seen to fit")]
    let whole = float.trunc() as i64;
    int.cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(float.fract() + 0.0)))
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::number(number).unwrap_or_default(),
                (None, None) => Self::Null,
            },
            Json::String(text) => Self::text(text.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::from).collect()),
            Json::Object(fields) => Self::object(
                fields.iter().map(|(name, value)| (Arc::from(name.as_str()), Self::from(value))).collect(),
            ),
        }
    }
}

/// As texts show it: nothing is empty, lists and objects are JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(number) => write!(f, "{number}"),
            // 3, not 3.0: to whoever reads it there is one kind of numbers.
            Self::Float(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::List(_) | Self::Object(_) => write!(f, "{}", self.to_json()),
            Self::DateTime(moment) => write!(f, "{moment}"),
        }
    }
}

impl DateTime {
    /// Reads RFC 3339, or a date and time, or a date, which are taken as UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(pieces) = jiff::fmt::temporal::DateTimeParser::new().parse_pieces(text) {
            let time = pieces.time().unwrap_or(jiff::civil::Time::midnight());
            let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
            let at = offset.to_timestamp(pieces.date().to_datetime(time)).ok()?;
            return Some(Self { at, offset });
        }
        None
    }

    #[must_use]
    pub const fn utc(at: Timestamp) -> Self {
        Self { at, offset: Offset::UTC }
    }

    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.at
    }

    /// By the directives of `strftime`; `None` if one is unknown.
    #[must_use]
    pub fn format(&self, format: &str) -> Option<String> {
        let zoned = self.at.to_zoned(TimeZone::fixed(self.offset));
        let mut out = String::new();
        write!(out, "{}", zoned.strftime(format)).ok()?;
        Some(out)
    }
}

impl PartialEq for DateTime {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offset == Offset::UTC {
            return write!(f, "{}", self.at);
        }
        write!(f, "{}", self.at.display_with_offset(self.offset))
    }
}

#[cfg(test)]
mod tests;
