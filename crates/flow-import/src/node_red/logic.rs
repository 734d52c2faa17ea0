//! `switch` and `change`.

use serde_json::{Value, json};

use super::nodes::assignment;
use super::values::Operand;
use super::{Importer, Made};
use crate::note::NoteCode;
use crate::options::Options;

const OPERATORS: &[(&str, &str)] = &[
    ("eq", "equals"),
    ("neq", "not_equals"),
    ("lt", "less"),
    ("lte", "at_most"),
    ("gt", "greater"),
    ("gte", "at_least"),
    ("cont", "contains"),
    ("regex", "matches"),
];

impl Importer {
    /// Nothing where a rule has no counterpart: a branch that is missing would send
    /// runs another way.
    pub(super) fn switch(&mut self, options: &mut Options<'_>, id: &str) -> Option<Made> {
        let place = options.text("propertyType").unwrap_or("msg");
        if !matches!(place, "msg" | "flow" | "global") {
            return None;
        }
        let left = self.path(place, options.text("property").unwrap_or("payload"))?;
        let (mut branches, mut outputs) = (Vec::new(), Vec::new());
        let rules = options.array("rules");
        for (at, rule) in rules.iter().enumerate() {
            let kind = rule.get("t").and_then(Value::as_str)?;
            if kind == "else" {
                if at + 1 < rules.len() {
                    self.draft.changed(id, "otherwise comes after all other rules");
                }
                outputs.push("else".to_owned());
                continue;
            }
            let handle = format!("rule-{at}");
            let rules = self.rules(kind, rule, &left)?;
            branches.push(match rules {
                Rules::All(rules) => {
                    json!({ "id": handle, "kind": "rules", "combine": "all", "rules": rules })
                }
                Rules::Expression(expression) => {
                    json!({ "id": handle, "kind": "expression", "expression": expression })
                }
            });
            outputs.push(handle);
        }
        if options.text("checkall").unwrap_or("true") == "true" && branches.len() > 1 {
            self.draft.changed(id, "the first rule that is true is taken, where all of them were");
        }
        options.ignore(&["outputs", "repair"]);
        let mut made = Made::new("condition", json!({ "mode": "loose", "branches": branches }));
        made.outputs = outputs;
        Some(made)
    }

    fn rules(&mut self, kind: &str, rule: &Value, left: &str) -> Option<Rules> {
        let simple =
            |operator: &str| json!({ "id": "is", "kind": "comparison", "left": left, "operator": operator });
        let truth = |value: bool| {
            let mut rule = simple("equals");
            rule["right"] = value.into();
            Rules::All(vec![rule])
        };
        Some(match kind {
            "true" => truth(true),
            "false" => truth(false),
            "empty" => Rules::All(vec![simple("is_empty")]),
            "nempty" => Rules::Expression(format!("({left}) | length > 0")),
            "null" => Rules::Expression(format!("({left}) is none")),
            "nnull" => Rules::Expression(format!("({left}) is not none")),
            "btwn" => {
                let low = self.comparison("low", left, "at_least", rule, ("v", "vt"))?;
                let high = self.comparison("high", left, "at_most", rule, ("v2", "v2t"))?;
                Rules::All(vec![low, high])
            }
            _ => {
                let (_, operator) = OPERATORS.iter().find(|(theirs, _)| *theirs == kind)?;
                let mut comparison = self.comparison("is", left, operator, rule, ("v", "vt"))?;
                if kind == "regex" && rule.get("case") == Some(&Value::Bool(true)) {
                    let pattern = comparison.get("right")?.as_str()?;
                    comparison["right"] = format!("(?i){pattern}").into();
                }
                Rules::All(vec![comparison])
            }
        })
    }

    fn comparison(
        &mut self,
        id: &str,
        left: &str,
        operator: &str,
        rule: &Value,
        (value, kind): (&str, &str),
    ) -> Option<Value> {
        let kind = rule.get(kind).and_then(Value::as_str).unwrap_or("str");
        let mut comparison = json!({ "id": id, "kind": "comparison", "left": left, "operator": operator });
        match self.operand(kind, rule.get(value)?)? {
            Operand::Value(value) => comparison["right"] = value,
            Operand::Expression(expression) => {
                comparison["right_kind"] = "expression".into();
                comparison["right_expression"] = expression.into();
            }
        }
        Some(comparison)
    }

    /// Nothing where a rule has no counterpart.
    pub(super) fn change(&mut self, options: &mut Options<'_>, id: &str) -> Option<Made> {
        let rules = options.array("rules");
        let mut assignments: Vec<Value> = Vec::new();
        for rule in rules {
            let text = |key: &str| rule.get(key).and_then(Value::as_str);
            let variable = self.whole(text("pt").unwrap_or("msg"), text("p")?)?;
            match text("t")? {
                "set" => {
                    let operand = self.operand(text("tot").unwrap_or("str"), rule.get("to")?)?;
                    assignments.push(assignment(assignments.len(), &variable, operand));
                }
                "delete" => {
                    assignments.push(assignment(assignments.len(), &variable, Operand::Value(Value::Null)));
                }
                "move" => {
                    let target = self.whole(text("tot").unwrap_or("msg"), text("to")?)?;
                    assignments.push(assignment(
                        assignments.len(),
                        &target,
                        Operand::Expression(variable.clone()),
                    ));
                    assignments.push(assignment(assignments.len(), &variable, Operand::Value(Value::Null)));
                }
                _ => return None,
            }
        }
        if assignments.is_empty() {
            self.draft.note(Some(id), NoteCode::Incomplete, "nothing is set");
        }
        if rules.len() > 1 {
            self.draft
                .changed(id, "all values are taken from before the node, where each rule saw the one before");
        }
        options.ignore(&["action", "property", "from", "to", "reg"]);
        Some(Made::new("set", json!({ "assignments": assignments })))
    }
}

enum Rules {
    All(Vec<Value>),
    Expression(String),
}
