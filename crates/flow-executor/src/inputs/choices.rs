use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Accepted, Answer, CheckError, refuse};
use crate::language::{EvalError, Names, Scope, Sink, Slot, Template};
use crate::plan::{Broken, Fields};
use crate::value::Value;

/// What can be chosen.
#[derive(Debug)]
pub struct Choices {
    options: Vec<Option_>,
    from: Option<Slot>,
    pub multiple: bool,
    pub min: usize,
    pub max: Option<usize>,
}

#[derive(Debug)]
struct Option_ {
    id: Arc<str>,
    label: Template,
    value: Option<String>,
    own_port: bool,
}

/// An option, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptionView {
    pub id: String,
    pub label: String,
}

/// The options there are at the moment.
#[derive(Debug)]
pub struct Options(Vec<Offered>);

#[derive(Debug)]
struct Offered {
    id: Arc<str>,
    label: String,
    value: Value,
    own_port: bool,
}

pub(super) fn compile(fields: &Fields<'_>, names: &mut Names) -> Result<Choices, Broken> {
    let option = |item: &Fields<'_>| {
        Ok(Option_ {
            id: item.id().into(),
            label: item.template_or_missing("label", names)?,
            value: item.text("value").map(str::to_owned),
            own_port: item.bool("own_port"),
        })
    };
    let options = fields.list("options").iter().map(option).collect::<Result<Vec<_>, Broken>>()?;
    let from = fields.text("options_from").map(|name| names.slot(name));
    if options.is_empty() && from.is_none() {
        return Err(fields.missing("options"));
    }
    let count = |name: &str| fields.count(name).and_then(|number| usize::try_from(number).ok());
    let multiple = fields.bool("multiple");
    let (min, max) =
        if multiple { (count("min_choices").unwrap_or(1), count("max_choices")) } else { (1, Some(1)) };
    Ok(Choices { options, from, multiple, min, max })
}

impl Choices {
    /// Whether some option leads somewhere of its own.
    #[must_use]
    pub fn has_ports(&self) -> bool {
        self.options.iter().any(|option| option.own_port)
    }

    /// The options as they are now: those of the node, then those of the variable.
    ///
    /// # Errors
    /// [`EvalError`], also when the variable holds no list.
    pub fn options(&self, scope: &dyn Scope) -> Result<Options, EvalError> {
        let mut offered = Vec::new();
        for option in &self.options {
            let label = option.label.render(scope, Sink::Text)?;
            let value = Value::text(option.value.clone().unwrap_or_else(|| label.clone()));
            offered.push(Offered { id: Arc::clone(&option.id), label, value, own_port: option.own_port });
        }
        if let Some(from) = self.from {
            match scope.get(from) {
                Some(Value::List(items)) => {
                    offered.extend(items.iter().enumerate().map(|(at, item)| from_variable(at, item)));
                }
                None | Some(Value::Null) => {}
                Some(other) => {
                    let message =
                        format!("{} holds {}, not a list of options", scope.name(from), other.kind());
                    return Err(EvalError::Type(message));
                }
            }
        }
        Ok(Options(offered))
    }

    pub(super) fn check(&self, answer: &Answer, scope: &dyn Scope) -> Result<Accepted, CheckError> {
        let Options(options) = self.options(scope)?;
        let given: Vec<Value> = match answer {
            Answer::Choice(ids) => ids.iter().map(|id| Value::text(id.as_str())).collect(),
            Answer::Value(Json::Array(items)) => items.iter().map(Value::from).collect(),
            Answer::Value(value) => vec![Value::from(value)],
            Answer::Text(text) if self.multiple && find(&options, &Value::text(text.trim())).is_none() => {
                text.split([',', ';', '\n'])
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(Value::text)
                    .collect()
            }
            Answer::Text(text) => vec![Value::text(text.trim())],
            Answer::Files(_) => Vec::new(),
        };
        let mut chosen: Vec<&Offered> = Vec::new();
        for given in &given {
            let found = find(&options, given)
                .ok_or_else(|| refuse("no_option", "Please choose one of the options."))?;
            if !chosen.iter().any(|known| known.id == found.id) {
                chosen.push(found);
            }
        }
        if chosen.len() < self.min {
            let least = if self.min == 1 { "one option".to_owned() } else { format!("{} options", self.min) };
            return Err(refuse("too_few", format!("Please choose at least {least}.")).into());
        }
        if let Some(max) = self.max.filter(|max| chosen.len() > *max) {
            let most = if max == 1 { "one option".to_owned() } else { format!("{max} options") };
            return Err(refuse("too_many", format!("Please choose at most {most}.")).into());
        }
        if self.multiple {
            let values = chosen.iter().map(|option| option.value.clone()).collect();
            return Ok(Accepted { value: Value::list(values), port: None });
        }
        let only = chosen.first().ok_or_else(|| refuse("no_option", "Please choose one of the options."))?;
        let port = only.own_port.then(|| Arc::clone(&only.id));
        Ok(Accepted { value: only.value.clone(), port })
    }
}

impl Options {
    #[must_use]
    pub fn views(&self) -> Vec<OptionView> {
        self.0
            .iter()
            .map(|option| OptionView { id: option.id.to_string(), label: option.label.clone() })
            .collect()
    }
}

/// By id, value, label, then position, counted from 1.
fn find<'o>(options: &'o [Offered], given: &Value) -> Option<&'o Offered> {
    let text = given.to_string();
    let folded = text.trim().to_lowercase();
    let by_id = options.iter().find(|option| *option.id == *text);
    let by_value = || options.iter().find(|option| option.value.equals(given));
    let by_label = || options.iter().find(|option| option.label.trim().to_lowercase() == folded);
    let by_shown_value =
        || options.iter().find(|option| option.value.to_string().trim().to_lowercase() == folded);
    let by_place = || {
        let place: usize = folded.parse().ok()?;
        options.get(place.checked_sub(1)?)
    };
    by_id.or_else(by_value).or_else(by_label).or_else(by_shown_value).or_else(by_place)
}

/// A text or a number is its own label; an object has `label`, and may have `value` and `id`.
fn from_variable(at: usize, item: &Value) -> Offered {
    let field = |name: &str| match item {
        Value::Object(fields) => fields.get(name).cloned(),
        _ => None,
    };
    let shown = |value: Value| value.to_string();
    let label = field("label")
        .or_else(|| field("title"))
        .or_else(|| field("name"))
        .map_or_else(|| shown(item.clone()), shown);
    let id = field("id").map_or_else(|| format!("item-{}", at + 1), shown);
    let value = match item {
        Value::Object(_) => field("value").unwrap_or_else(|| Value::text(label.as_str())),
        other => other.clone(),
    };
    Offered { id: id.into(), label, value, own_port: false }
}
