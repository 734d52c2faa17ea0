use jsonschema::Validator;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::{Code, FlowJson, is_key, samples, validate};

fn validator() -> Validator {
    jsonschema::draft202012::new(&json_schema()).expect("the schema is one")
}

fn problems(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A flow of one node.
fn with(node_type: &str, data: &Value) -> Value {
    json!({ "interflow": 1, "nodes": [{ "id": "n", "type": node_type, "data": data }] })
}

#[test]
fn the_published_schema_is_what_the_field_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/interflow-1.schema.json");
    let committed = std::fs::read_to_string(path).expect("docs/schema/interflow-1.schema.json is there");
    assert!(
        committed == json_schema_text(),
        "the field table changed; run: \
         cargo run -p flow-model --example schema > docs/schema/interflow-1.schema.json"
    );
}

#[test]
fn the_schema_is_one_of_its_dialect() {
    assert!(jsonschema::draft202012::meta::is_valid(&json_schema()));
}

#[test]
fn samples_fit_the_schema() {
    let validator = validator();
    for sample in samples() {
        let flow = FlowJson::parse(sample.json).expect("samples are whole");
        assert_eq!(problems(&validator, &flow.to_value()), Vec::<String>::new(), "{}", sample.id);
    }
}

#[test]
fn flows_under_construction_and_from_the_future_fit() {
    let validator = validator();
    for value in [
        json!({ "interflow": 1 }),
        with("message", &json!({})),
        with("input", &json!({ "variable": "" })),
        with("from-the-future", &json!({ "blocks": 7 })),
        with("message", &json!({ "blocks": [{ "text": "no id yet", "future": [1] }], "future": null })),
        json!({ "interflow": 1, "future": {}, "nodes": [{ "id": "n", "type": "message", "typeVersion": 9, "data": { "blocks": 7 } }] }),
        json!({ "interflow": 1, "edges": [{ "source": "a", "target": "b" }], "settings": { "x": null } }),
    ] {
        assert_eq!(problems(&validator, &value), Vec::<String>::new(), "{value}");
        assert!(FlowJson::from_value(&value).is_ok(), "{value}");
    }
}

#[test]
fn what_is_no_flow_does_not_fit() {
    let validator = validator();
    for value in [
        json!([]),
        json!({}),
        json!({ "interflow": 2 }),
        json!({ "interflow": 1, "name": 1 }),
        json!({ "interflow": 1, "lineage": "x" }),
        json!({ "interflow": 1, "tags": [""] }),
        json!({ "interflow": 1, "nodes": {} }),
        json!({ "interflow": 1, "nodes": [{ "id": "a" }] }),
        json!({ "interflow": 1, "nodes": [{ "id": "a/b", "type": "set" }] }),
        json!({ "interflow": 1, "nodes": [{ "id": "__proto__", "type": "set" }] }),
        json!({ "interflow": 1, "nodes": [{ "id": "a", "type": "set", "data": [] }] }),
        json!({ "interflow": 1, "nodes": [{ "id": "a", "type": "set", "typeVersion": -1 }] }),
        json!({ "interflow": 1, "edges": [{ "source": "a" }] }),
        json!({ "interflow": 1, "layout": { "a": { "x": 1 } } }),
        json!({ "interflow": 1, "variables": { "a": { "description": 1 } } }),
        json!({ "interflow": 1, "settings": 1 }),
    ] {
        assert!(!validator.is_valid(&value), "{value}");
        assert!(FlowJson::from_value(&value).is_err(), "{value}");
    }
}

#[test]
fn fields_of_another_kind_do_not_fit() {
    let validator = validator();
    for (node_type, data, code) in [
        ("message", json!({ "blocks": "text" }), Code::WrongFieldType),
        ("message", json!({ "blocks": [{ "text": 1 }] }), Code::WrongFieldType),
        (
            "message",
            json!({ "blocks": [{ "kind": "carousel", "cards": [{ "title": [1] }] }] }),
            Code::WrongFieldType,
        ),
        ("message", json!({ "typing_ms": -1 }), Code::OutOfBounds),
        ("input", json!({ "kind": "telepathy" }), Code::UnknownChoice),
        ("input", json!({ "variable": "no name" }), Code::BadVariableName),
        ("input", json!({ "kind": "number", "min": "4" }), Code::WrongFieldType),
        ("input", json!({ "kind": "date", "min_date": "soon" }), Code::OutOfBounds),
        ("input", json!({ "kind": "file", "file_types": [1] }), Code::WrongFieldType),
        ("api", json!({ "retry": { "max": 100 } }), Code::OutOfBounds),
        ("api", json!({ "retry": [] }), Code::WrongFieldType),
        ("end", json!({ "output": { "x": 1 } }), Code::WrongFieldType),
        (
            "condition",
            json!({ "branches": [{ "rules": [{ "kind": "group", "rules": [{ "operator": "is" }] }] }] }),
            Code::UnknownChoice,
        ),
        ("note", json!({ "text": "x".repeat(50_001) }), Code::OutOfBounds),
    ] {
        let value = with(node_type, &data);
        assert!(!validator.is_valid(&value), "{value}");
        let flow = FlowJson::from_value(&value).expect("it is kept as it is");
        let found = validate(flow.graph()).into_iter().any(|finding| finding.code == code);
        assert!(found, "validation says the same of {value}");
    }
}

#[test]
fn keys_are_those_that_ids_may_be() {
    let schema = json!({ "$ref": "#/$defs/key", "$defs": { "key": key() } });
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    for text in [
        "",
        "__proto__",
        "a/b",
        "a\nb",
        "\u{0}",
        "\u{85}",
        "a",
        "ünï",
        "🙂",
        "a\n",
        &"🙂".repeat(64),
        &"x".repeat(65),
    ] {
        assert_eq!(validator.is_valid(&json!(text)), is_key(text), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(20_261_128), ..ProptestConfig::default() })]

    /// What the schema allows, the form takes, and finds nothing in it of another kind.
    #[test]
    fn a_value_that_fits_is_of_its_fields_kind(
        node in 0..NODE_TYPES.len(), field in any::<u8>(), value in 0..13_usize,
    ) {
        let spec = &NODE_TYPES[node];
        if spec.fields.is_empty() {
            return Ok(());
        }
        let field = &spec.fields[usize::from(field) % spec.fields.len()];
        let values = [
            json!(true), json!(0), json!(-1), json!(0.5), json!(1e12), json!("text"), json!(""), json!([]), json!({}),
            json!([{ "id": "a" }]), json!(["a"]), json!({ "a": "b" }), json!("2026-11-26"),
        ];
        let flow = with(spec.name, &json!({ field.name: values[value] }));
        let parsed = FlowJson::from_value(&flow).expect("it is kept as it is");
        let wrong = validate(parsed.graph()).into_iter().any(|finding| {
            finding.field.as_deref() == Some(field.name)
                && matches!(finding.code, Code::WrongFieldType | Code::UnknownChoice | Code::OutOfBounds | Code::BadVariableName)
        });
        static VALIDATOR: std::sync::LazyLock<Validator> = std::sync::LazyLock::new(validator);
        let fits = VALIDATOR.is_valid(&flow);
        prop_assert!(!(fits && wrong), "{}", flow);
        // Validation does not look at fields that do not apply, and says of an empty one
        // that is required only that it is missing.
        let blank = ["\"\"", "[]", "{}"].contains(&values[value].to_string().as_str());
        if field.when.is_none() && !blank {
            prop_assert!(fits || wrong, "{}", flow);
        }
    }
}
