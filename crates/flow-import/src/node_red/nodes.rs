//! Each node that has a counterpart.

use serde_json::{Map, Value, json};

use super::read::Item;
use super::values::Operand;
use super::{Importer, Made};
use crate::options::Options;
use crate::text::literal;

const YEAR_MS: f64 = 365.0 * 86_400_000.0;

impl Importer {
    /// Nothing where the node has no counterpart.
    pub(super) fn convert<'v>(
        &mut self,
        item: &Item<'v>,
        options: &mut Options<'v>,
        id: &str,
    ) -> Option<Made> {
        match item.kind {
            "comment" => Some(self.comment(item, options, id)),
            "debug" => Some(self.debug(options, id)),
            "template" => self.template(options, id),
            "delay" => delay(options),
            "switch" => self.switch(options, id),
            "change" => self.change(options, id),
            "http request" => self.request(options, id),
            "http response" => Some(self.response(options, id)),
            _ => None,
        }
    }

    /// The start, and what the message begins with.
    pub(super) fn inject(&mut self, options: &mut Options<'_>, id: &str) -> Made {
        let mut assignments = Vec::new();
        let props = options.array("props");
        // Where the payload is kept beside the list of what is set.
        let (payload, payload_type) = (options.take("payload"), options.text("payloadType"));
        let (topic, _) = (options.take("topic"), options.take("topicType"));
        let old;
        let props = if props.is_empty() {
            old = [json!({ "p": "payload" })];
            &old[..]
        } else {
            props
        };
        for prop in props {
            let text = |key: &str| prop.get(key).and_then(Value::as_str);
            let (Some(name), mut kind) = (text("p"), text("vt").unwrap_or("str")) else { continue };
            let mut value = prop.get("v");
            if name == "payload" && value.is_none() {
                (value, kind) = (payload, payload_type.unwrap_or("date"));
            } else if name == "topic" && value.is_none() {
                value = topic;
            }
            let empty = Value::from("");
            let value = value.unwrap_or(&empty);
            let variable = self.whole("msg", name);
            match (variable, self.operand(kind, value)) {
                (_, Some(Operand::Value(value))) if value == "" => {}
                (Some(variable), Some(operand)) => {
                    assignments.push(assignment(assignments.len(), &variable, operand));
                }
                _ => self.draft.dropped(id, &format!("props/{}", crate::text::cut(name, 40).0)),
            }
        }
        // Only says something beside `once`.
        if options.flag("once") == Some(true) {
            self.draft.dropped(id, "once");
        }
        options.ignore(&["onceDelay"]);
        let mut made = Made::new("start", json!({ "trigger": "manual" }));
        if !assignments.is_empty() {
            let mut data = Map::new();
            data.insert("assignments".into(), assignments.into());
            made.then = Some(data);
        }
        made
    }

    fn comment(&mut self, item: &Item<'_>, options: &mut Options<'_>, id: &str) -> Made {
        let info = options.text("info").unwrap_or("");
        let text = literal(if info.is_empty() { item.name } else { info });
        let mut made = Made::new("note", json!({ "text": self.draft.fit(id, &text, 50_000) }));
        made.outputs.clear();
        made
    }

    /// Shown to people who develop there: here a message that is off.
    fn debug(&mut self, options: &mut Options<'_>, id: &str) -> Made {
        let what =
            options.text("complete").filter(|what| !matches!(*what, "true" | "false")).unwrap_or("payload");
        let shown = self.path("msg", what).unwrap_or_else(|| self.variable("msg", "payload"));
        options.ignore(&[
            "active",
            "tosidebar",
            "console",
            "tostatus",
            "targetType",
            "statusVal",
            "statusType",
            "complete",
        ]);
        self.draft.changed(id, "what was shown to developers would be sent to people; the message is off");
        let block = json!({ "id": "text", "kind": "text", "text": format!("{{{{ {shown} }}}}") });
        let mut made = Made::new("message", json!({ "blocks": [block] }));
        made.disabled = true;
        made
    }

    fn template(&mut self, options: &mut Options<'_>, id: &str) -> Option<Made> {
        let text = options.text("template").unwrap_or("");
        if !matches!(options.text("output"), None | Some("str")) {
            return None;
        }
        let place = options.text("fieldType").unwrap_or("msg");
        let field = options.text("field").unwrap_or("payload");
        if !matches!(place, "msg" | "flow" | "global") {
            return None;
        }
        let template = match options.text("syntax").unwrap_or("mustache") {
            "mustache" => self.mustache(text)?,
            "plain" => literal(text),
            _ => return None,
        };
        let variable = self.whole(place, field)?;
        options.ignore(&["format"]);
        let template = self.draft.fit(id, &template, 10_000);
        let set = json!({ "id": "set", "variable": variable, "kind": "template", "template": template });
        Some(Made::new("set", json!({ "assignments": [set] })))
    }
}

/// What is set, as one assignment.
pub(super) fn assignment(at: usize, variable: &str, operand: Operand) -> Value {
    let id = format!("set-{at}");
    match operand {
        Operand::Value(value) => json!({ "id": id, "variable": variable, "kind": "value", "value": value }),
        Operand::Expression(expression) => {
            json!({ "id": id, "variable": variable, "kind": "expression", "expression": expression })
        }
    }
}

fn delay(options: &mut Options<'_>) -> Option<Made> {
    if options.text("pauseType").unwrap_or("delay") != "delay" {
        return None;
    }
    let unit = match options.text("timeoutUnits").unwrap_or("seconds") {
        "milliseconds" => 1.0,
        "seconds" => 1_000.0,
        "minutes" => 60_000.0,
        "hours" => 3_600_000.0,
        "days" => 86_400_000.0,
        _ => return None,
    };
    let ms = (options.number("timeout")? * unit).clamp(0.0, YEAR_MS).round();
    // Settings of the other kinds of pause, which every delay carries.
    options.ignore(&[
        "rate",
        "nbRateUnits",
        "rateUnits",
        "randomFirst",
        "randomLast",
        "randomUnits",
        "drop",
        "allowrate",
        "outputs",
    ]);
    #[expect(clippy::cast_possible_truncation, reason = "whole, and at most a year of milliseconds")]
    let ms = ms as i64;
    Some(Made::new("delay", json!({ "mode": "duration", "duration_ms": ms })))
}
