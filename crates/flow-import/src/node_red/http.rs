//! `http request` and `http response`.

use serde_json::{Map, Value, json};

use super::{Importer, Made};
use crate::note::NoteCode;
use crate::options::Options;

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

impl Importer {
    pub(super) fn request(&mut self, options: &mut Options<'_>, id: &str) -> Option<Made> {
        let method = options.text("method").unwrap_or("GET");
        if !METHODS.contains(&method) {
            return None;
        }
        let mut data = Map::new();
        data.insert("mode".into(), "http".into());
        data.insert("method".into(), method.into());
        match options.text("url") {
            Some(url) => {
                let url = self.mustache(url)?;
                data.insert("url".into(), self.draft.fit(id, &url, 10_000).into());
            }
            None => {
                let url = self.variable("msg", "url");
                data.insert("url".into(), format!("{{{{ {url} }}}}").into());
            }
        }
        match options.text("authType") {
            None => {}
            Some(kind @ ("basic" | "bearer")) => {
                data.insert("auth".into(), kind.into());
                self.draft.note(
                    Some(id),
                    NoteCode::SecretNeeded,
                    "the call signs in with a secret that is not in the export",
                );
            }
            Some(_) => return None,
        }
        let headers = self.headers(options, id)?;
        if !headers.is_empty() {
            data.insert("headers".into(), headers.into());
        }
        self.payload(options, method, id, &mut data)?;
        if options.text("ret") == Some("bin") {
            self.draft.changed(id, "the body is text or JSON, where it was bytes");
        }
        let mut map = Vec::new();
        for (at, (name, expression)) in
            [("payload", "body"), ("statusCode", "status"), ("headers", "headers")].into_iter().enumerate()
        {
            let variable = self.variable("msg", name);
            map.push(json!({ "id": format!("map-{at}"), "variable": variable, "kind": "expression", "expression": expression }));
        }
        data.insert("map".into(), map.into());
        options.ignore(&["senderr", "insecureHTTPParser"]);
        self.draft.changed(id, "a status that is no success is an error, where the message went on");
        Some(Made::new("api", Value::Object(data)))
    }

    fn headers(&mut self, options: &mut Options<'_>, id: &str) -> Option<Vec<Value>> {
        let mut headers = Vec::new();
        for (at, header) in options.array("headers").iter().enumerate() {
            let text = |key: &str| header.get(key).and_then(Value::as_str).unwrap_or("");
            // Names that were chosen from a list are a type and no value.
            let name = match text("keyType") {
                "other" | "" => text("keyValue"),
                "msg" => return None,
                chosen => chosen,
            };
            let value = match text("valueType") {
                "other" | "" => crate::text::literal(text("valueValue")),
                "msg" => format!("{{{{ {} }}}}", self.path("msg", text("valueValue"))?),
                chosen => chosen.to_owned(),
            };
            if crate::text::looks_secret(name) && text("valueType") != "msg" && !value.is_empty() {
                let message = format!("{} is sent as it stands here", super::one_line(name));
                self.draft.note(Some(id), NoteCode::LiteralSecret, message);
            }
            if !name.is_empty() {
                let (name, value) = (self.draft.fit(id, name, 1_000), self.draft.fit(id, &value, 10_000));
                headers.push(json!({ "id": format!("header-{at}"), "name": name, "value": value }));
            }
        }
        Some(headers)
    }

    /// What is sent: the payload as a body, or as a part of the address.
    fn payload(
        &mut self,
        options: &mut Options<'_>,
        method: &str,
        id: &str,
        data: &mut Map<String, Value>,
    ) -> Option<()> {
        let in_query = match options.take("paytoqs") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(Value::String(how)) => match how.as_str() {
                "query" => true,
                "" | "ignore" | "body" => false,
                _ => return None,
            },
            Some(_) => return None,
        };
        if in_query {
            self.draft.dropped(id, "paytoqs");
        } else if !matches!(method, "GET" | "HEAD") {
            let payload = self.variable("msg", "payload");
            data.insert("body_kind".into(), "json".into());
            data.insert("body".into(), format!("{{{{ {payload} | tojson }}}}").into());
        }
        Some(())
    }

    pub(super) fn response(&mut self, options: &mut Options<'_>, id: &str) -> Made {
        self.draft.changed(id, "the run ends with the payload as its result, where it was a response");
        options.ignore(&["statusCode"]);
        let payload = self.variable("msg", "payload");
        let mut made = Made::new("end", json!({ "output": { "payload": payload } }));
        made.outputs.clear();
        made
    }
}
