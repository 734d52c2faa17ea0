use serde_json_path::JsonPath;

use super::Broken;
use super::read::Fields;
use crate::language::{Expression, Names, Slot, Template};
use crate::value::Value;

/// A call of a web service.
#[derive(Debug)]
pub struct Api {
    pub reply: Reply,
    pub map: Vec<Mapping>,
}

/// Where its answer comes from.
#[derive(Debug)]
pub enum Reply {
    Http(Box<Request>),
    /// The node answers by itself.
    Mock {
        status: u16,
        body: Value,
        delay_ms: u64,
    },
}

#[derive(Debug)]
pub struct Request {
    pub method: &'static str,
    pub url: Template,
    pub query: Vec<(String, Option<Template>)>,
    pub headers: Vec<(String, Option<Template>)>,
    pub auth: Auth,
    pub body: Body,
    /// The other side honours `Idempotency-Key`.
    pub idempotent: bool,
    pub timeout_ms: u64,
    pub retry: Retry,
}

/// Secrets are named, never held.
#[derive(Debug)]
pub enum Auth {
    None,
    Basic { user: Template, secret: String },
    Bearer { secret: String },
    Key { name: String, place: KeyPlace, secret: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    Header,
    Query,
}

#[derive(Debug)]
pub enum Body {
    None,
    Json(Template),
    Form(Vec<(String, Option<Template>)>),
    Raw { content: Template, content_type: String },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    pub max: u32,
    pub backoff: Backoff,
    pub base_ms: u64,
    pub cap_ms: u64,
    pub jitter: bool,
    pub respect_retry_after: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Backoff {
    Constant,
    Exponential { factor: f64 },
}

/// What of an answer goes into which variable.
#[derive(Debug)]
pub struct Mapping {
    pub variable: Slot,
    pub extract: Extract,
}

#[derive(Debug)]
pub enum Extract {
    /// One that can only find one thing yields that; others yield a list.
    Path {
        path: JsonPath,
        is_singular: bool,
    },
    Expression(Expression),
}

impl Retry {
    pub const NEVER: Self = Self {
        max: 0,
        backoff: Backoff::Constant,
        base_ms: 0,
        cap_ms: 0,
        jitter: false,
        respect_retry_after: false,
    };
}

pub(super) fn api(fields: &Fields<'_>, names: &mut Names) -> Result<Api, Broken> {
    let reply = match fields.choice("mode")? {
        "mock" => Reply::Mock {
            status: fields.count("mock_status").and_then(|status| u16::try_from(status).ok()).unwrap_or(200),
            body: fields.json("mock_body").map(Value::from).unwrap_or_default(),
            delay_ms: fields.count("mock_delay_ms").unwrap_or(0),
        },
        _ => Reply::Http(Box::new(request(fields, names)?)),
    };
    let map = fields.list("map").iter().map(|item| mapping(item, names)).collect::<Result<_, _>>()?;
    Ok(Api { reply, map })
}

fn request(fields: &Fields<'_>, names: &mut Names) -> Result<Request, Broken> {
    Ok(Request {
        method: fields.choice("method")?,
        url: fields.template_or_missing("url", names)?,
        query: pairs(fields, "query", names)?,
        headers: pairs(fields, "headers", names)?,
        auth: auth(fields, names)?,
        body: body(fields, names)?,
        idempotent: fields.bool("idempotent"),
        timeout_ms: fields.count("timeout_ms").unwrap_or(30_000),
        retry: fields.object("retry").map_or(Ok(Retry::NEVER), |fields| retry(&fields))?,
    })
}

fn pairs(
    fields: &Fields<'_>,
    name: &str,
    names: &mut Names,
) -> Result<Vec<(String, Option<Template>)>, Broken> {
    let pair = |item: &Fields<'_>| {
        let name = item.text("name").ok_or_else(|| item.missing("name"))?;
        Ok((name.to_owned(), item.template("value", names)?))
    };
    fields.list(name).iter().map(pair).collect()
}

fn auth(fields: &Fields<'_>, names: &mut Names) -> Result<Auth, Broken> {
    let kind = fields.choice("auth")?;
    if kind == "none" {
        return Ok(Auth::None);
    }
    let secret = fields.text("auth_secret").ok_or_else(|| fields.missing("auth_secret"))?.to_owned();
    Ok(match kind {
        "basic" => Auth::Basic { user: fields.template_or_missing("auth_user", names)?, secret },
        "bearer" => Auth::Bearer { secret },
        _ => Auth::Key {
            name: fields.text("auth_name").ok_or_else(|| fields.missing("auth_name"))?.to_owned(),
            place: if fields.choice("auth_in")? == "query" { KeyPlace::Query } else { KeyPlace::Header },
            secret,
        },
    })
}

fn body(fields: &Fields<'_>, names: &mut Names) -> Result<Body, Broken> {
    Ok(match fields.choice("body_kind")? {
        "json" => Body::Json(fields.template_or_missing("body", names)?),
        "form" => Body::Form(pairs(fields, "form", names)?),
        "raw" => Body::Raw {
            content: fields.template_or_missing("body", names)?,
            content_type: fields.text("content_type").unwrap_or("text/plain").to_owned(),
        },
        _ => Body::None,
    })
}

fn retry(fields: &Fields<'_>) -> Result<Retry, Broken> {
    let backoff = match fields.choice("backoff")? {
        "constant" => Backoff::Constant,
        _ => Backoff::Exponential { factor: fields.number("factor").unwrap_or(2.0) },
    };
    Ok(Retry {
        max: fields.count("max").and_then(|max| u32::try_from(max).ok()).unwrap_or(0).min(20),
        backoff,
        base_ms: fields.count("base_ms").unwrap_or(500),
        cap_ms: fields.count("cap_ms").unwrap_or(30_000),
        jitter: fields.bool("jitter"),
        respect_retry_after: fields.bool("respect_retry_after"),
    })
}

fn mapping(item: &Fields<'_>, names: &mut Names) -> Result<Mapping, Broken> {
    let variable = item.variable("variable", names)?;
    let extract = match item.choice("kind")? {
        "expression" => Extract::Expression(item.expression("expression", names)?),
        _ => {
            let path = item.text("path").ok_or_else(|| item.missing("path"))?;
            is_bounded(path).map_err(|why| item.broken("path", why))?;
            let parsed = JsonPath::parse(path).map_err(|error| item.broken("path", error))?;
            Extract::Path { path: parsed, is_singular: is_singular(path) }
        }
    };
    Ok(Mapping { variable, extract })
}

/// Whether reading the path and following it takes no longer than a few looks at the body: the
/// library has no bound of its own, neither on how deep filters are in each other nor on how often
/// the same thing is found.
fn is_bounded(path: &str) -> Result<(), &'static str> {
    let plain = unquoted(path);
    let count = |what: &str| plain.matches(what).count();
    let bounds = [
        (path.len(), 500, "it is longer than 500 bytes"),
        (count("?"), 1, "it has more than one filter"),
        (count(".."), 1, "it has .. more than once"),
        (count("*") + count(":"), 4, "it has more than four * and :"),
        (count(","), 4, "it has more than four ,"),
        (count("(") + count("!"), 6, "it has more than six ( and !"),
        (count("&") + count("|"), 8, "it has more than four && and ||"),
        (count("["), 40, "it has more than forty ["),
    ];
    bounds.into_iter().find(|(is, most, _)| is > most).map_or(Ok(()), |(_, _, why)| Err(why))
}

/// Whether a path is made of names and places only (RFC 9535, section 2.3.5.1).
fn is_singular(path: &str) -> bool {
    let plain = unquoted(path);
    !plain.contains(['*', '?', ':', ',']) && !plain.contains("..")
}

/// What is not inside quotes.
fn unquoted(path: &str) -> String {
    let mut quote = None;
    let mut plain = String::new();
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, c) => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{is_bounded, is_singular};

    #[test]
    fn paths_that_would_take_long_are_refused() {
        for path in [
            "$.a.b[0]['x,*?']",
            "$..name",
            "$.items[*].price",
            "$.a[?@.x > 1 && @.y == 'z'].n",
            "$[0,1,2]",
            "$.a[1:3]",
        ] {
            assert_eq!(is_bounded(path), Ok(()), "{path}");
        }
        let nested = format!("${}1{}", "[?@".repeat(40), "]".repeat(40));
        let deep = format!("$[?{}1{}]", "(".repeat(400), ")".repeat(400));
        let twice = "$[0,0]".to_owned() + &"[0,0]".repeat(20);
        for path in [&*nested, &deep, &twice, "$..*..*..*", "$[*][*][*][*][*]", &"$.a".repeat(400)] {
            assert!(is_bounded(path).is_err(), "{path}");
        }
    }

    #[test]
    fn paths_of_names_and_places_find_one_thing() {
        for path in ["$", "$.a.b", "$['a:b']", "$[0]", "$[-1].x", r#"$["a\"*"]"#] {
            assert!(is_singular(path), "{path}");
        }
        for path in ["$..a", "$[*]", "$.a[0:2]", "$[?@.x > 1]", "$['a','b']"] {
            assert!(!is_singular(path), "{path}");
        }
    }
}
