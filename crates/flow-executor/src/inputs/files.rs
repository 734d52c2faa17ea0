use serde::{Deserialize, Serialize};

use super::{Answer, Refusal, refuse};
use crate::value::{Object, Value};

/// A file that somebody has sent. What it is was judged by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRef {
    pub id: String,
    pub name: String,
    pub media_type: String,
    pub bytes: u64,
    /// Where it can be read, on its server; test cases may leave it out.
    #[serde(default)]
    pub url: String,
}

pub(super) fn check(
    answer: &Answer,
    types: &[String],
    bytes_max: u64,
    files_max: usize,
) -> Result<Value, Refusal> {
    let Answer::Files(files) = answer else { return Err(refuse("no_file", "Please send a file.")) };
    if files.is_empty() {
        return Err(refuse("no_file", "Please send a file."));
    }
    if files.len() > files_max {
        let most = if files_max == 1 { "one file".to_owned() } else { format!("{files_max} files") };
        return Err(refuse("too_many", format!("Please send at most {most}.")));
    }
    for file in files {
        if file.bytes > bytes_max {
            return Err(refuse("too_large", format!("{} is larger than {bytes_max} bytes.", file.name)));
        }
        if !types.is_empty() && !types.iter().any(|wanted| matches(wanted, &file.media_type)) {
            let wanted = types.join(", ");
            return Err(refuse(
                "wrong_type",
                format!("{} is not of a type that is asked for: {wanted}.", file.name),
            ));
        }
    }
    let values: Vec<Value> = files.iter().map(value).collect();
    Ok(match <[Value; 1]>::try_from(values) {
        Ok([only]) if files_max == 1 => only,
        Ok([only]) => Value::list(vec![only]),
        Err(values) => Value::list(values),
    })
}

/// `image/png`, `image/*` or `*/*`.
fn matches(wanted: &str, media_type: &str) -> bool {
    let wanted = wanted.trim().to_ascii_lowercase();
    match wanted.strip_suffix("/*") {
        Some("*") => true,
        Some(family) => media_type.split_once('/').is_some_and(|(of, _)| of == family),
        None => wanted == media_type,
    }
}

fn value(file: &FileRef) -> Value {
    let mut fields = Object::new();
    fields.insert("id".into(), Value::text(file.id.as_str()));
    fields.insert("name".into(), Value::text(file.name.as_str()));
    fields.insert("type".into(), Value::text(file.media_type.as_str()));
    fields.insert("bytes".into(), Value::Int(i64::try_from(file.bytes).unwrap_or(i64::MAX)));
    fields.insert("url".into(), Value::text(file.url.as_str()));
    Value::object(fields)
}
