use std::collections::BTreeSet;

use super::*;

#[test]
fn the_editors_table_is_what_this_table_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/model/fields.generated.ts");
    let committed = std::fs::read_to_string(path).expect("web/src/model/fields.generated.ts is there");
    assert!(
        committed == typescript(),
        "the field table changed; run: \
         cargo run -p flow-model --example typescript > web/src/model/fields.generated.ts"
    );
}

#[test]
fn no_node_and_no_item_names_a_field_twice() {
    each_list(&mut |owner, fields| {
        let names: BTreeSet<_> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), fields.len(), "{owner}");
    });
}

#[test]
fn no_item_has_a_field_that_its_key_or_its_place_would_hide() {
    each_list(&mut |owner, fields| {
        assert!(fields.iter().all(|field| !matches!(field.name, "id" | "order")), "{owner}");
    });
}

#[test]
fn every_condition_names_a_field_and_leads_to_one_without() {
    each_list(&mut |owner, fields| {
        for field in fields {
            let (mut seen, mut current) = (BTreeSet::new(), field);
            while let Some(when) = current.when {
                assert!(seen.insert(current.name), "{owner}.{} depends on itself", field.name);
                current = find(fields, when.field).unwrap_or_else(|| panic!("{owner}: no {}", when.field));
                if let (WhenTest::Is(values), FieldKind::Enum(choices)) = (when.test, current.kind) {
                    let known = |value: &&str| choices.iter().any(|choice| choice.value == *value);
                    assert!(values.iter().all(known), "{owner}.{}", field.name);
                }
            }
        }
    });
}

#[test]
fn every_default_is_a_value_of_its_field() {
    each_list(&mut |owner, fields| {
        for field in fields {
            let fits = match (field.kind, field.default) {
                (_, None) | (FieldKind::Bool, Some(DefaultValue::Bool(_))) => true,
                (FieldKind::Enum(choices), Some(DefaultValue::Text(text))) => {
                    choices.iter().any(|choice| choice.value == text)
                }
                (FieldKind::Text { .. }, Some(DefaultValue::Text(_))) => true,
                (
                    FieldKind::Int { min, max } | FieldKind::Duration { min_ms: min, max_ms: max },
                    Some(DefaultValue::Int(int)),
                ) => (min..=max).contains(&int),
                (FieldKind::Number, Some(DefaultValue::Int(_))) => true,
                _ => false,
            };
            assert!(fits, "{owner}.{}", field.name);
        }
    });
}

#[test]
fn every_handle_per_item_names_a_list() {
    for spec in NODE_TYPES {
        for handle in spec.handles {
            if let HandleSpec::PerItem { field, only_if, .. } = handle {
                let Some(FieldKind::List(item)) = spec.field(field).map(|field| field.kind) else {
                    panic!("{}.{field} is no list", spec.name)
                };
                assert!(only_if.is_none_or(|name| item.field(name).is_some()), "{}", spec.name);
            }
        }
    }
}

fn each_list(check: &mut dyn FnMut(&str, &'static [FieldSpec])) {
    fn items(
        fields: &'static [FieldSpec],
        seen: &mut BTreeSet<&str>,
        check: &mut dyn FnMut(&str, &'static [FieldSpec]),
    ) {
        for field in fields {
            if let FieldKind::List(item) | FieldKind::Object(item) = field.kind
                && seen.insert(item.name)
            {
                check(item.name, item.fields);
                items(item.fields, seen, check);
            }
        }
    }
    let mut seen = BTreeSet::new();
    for spec in NODE_TYPES {
        check(spec.name, spec.fields);
        items(spec.fields, &mut seen, check);
    }
}
