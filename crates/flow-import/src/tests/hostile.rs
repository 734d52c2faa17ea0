use super::*;

fn refused(value: &Value, format: Format) -> ImportError {
    import(value, format).expect_err("this must be refused")
}

#[test]
fn errors_say_where() {
    use Format::{NodeRed, Typebot};
    let group =
        |blocks: Value| json!({ "version": "6", "groups": [{ "id": "g", "blocks": blocks }], "edges": [] });
    for (value, format, path) in [
        (json!([]), Typebot, ""),
        (json!({ "version": "2", "groups": [], "edges": [] }), Typebot, "version"),
        (json!({ "version": 7, "groups": [], "edges": [] }), Typebot, "version"),
        (json!({ "groups": {}, "edges": [] }), Typebot, "groups"),
        (json!({ "groups": [{ "title": "x" }], "edges": [] }), Typebot, "groups/0/id"),
        (group(json!({})), Typebot, "groups/0/blocks"),
        (group(json!([{ "id": "b" }])), Typebot, "groups/0/blocks/0/type"),
        (group(json!([{ "id": "g", "type": "text" }])), Typebot, "groups/0/blocks/0/id"),
        (
            group(json!([{ "id": "b", "type": "Condition", "items": [{}] }])),
            Typebot,
            "groups/0/blocks/0/items/0/id",
        ),
        (
            group(json!([{ "id": "b", "type": "Condition", "items": [{ "id": "i" }, { "id": "i" }] }])),
            Typebot,
            "groups/0/blocks/0/items/1/id",
        ),
        (json!({ "groups": [], "edges": [{ "from": {}, "to": {} }] }), Typebot, "edges/0/from"),
        (json!({ "groups": [], "edges": [], "variables": [{ "id": "v" }] }), Typebot, "variables/0/name"),
        (json!({ "a": 1 }), NodeRed, ""),
        (json!([{ "type": "tab" }]), NodeRed, "0/id"),
        (json!({ "flows": [{ "id": "a" }] }), NodeRed, "flows/0/type"),
        (json!([{ "id": "a", "type": "tab" }, { "id": "a", "type": "tab" }]), NodeRed, "1/id"),
        (json!([{ "id": "a", "type": "debug", "wires": {} }]), NodeRed, "0/wires"),
        (json!([{ "id": "a", "type": "debug", "wires": [["b", 7]] }]), NodeRed, "0/wires/0/1"),
        (json!([{ "id": "a", "type": "subflow", "in": [{ "wires": [{}] }] }]), NodeRed, "0/in/0/wires/0/id"),
    ] {
        assert_eq!(refused(&value, format).path, path, "{value}");
    }
}

#[test]
fn a_subflow_that_contains_itself_is_refused() {
    let value = json!([
        { "id": "t", "type": "tab" },
        { "id": "a", "type": "subflow", "in": [], "out": [] },
        { "id": "b", "type": "subflow", "in": [], "out": [] },
        { "id": "a1", "type": "subflow:b", "z": "a", "x": 1, "wires": [] },
        { "id": "b1", "type": "subflow:a", "z": "b", "x": 1, "wires": [] },
        { "id": "t1", "type": "subflow:a", "z": "t", "x": 1, "wires": [] },
    ]);
    let error = refused(&value, Format::NodeRed);
    assert!(error.message.contains("contains itself"), "{error}");
    assert_eq!(error.path, "4");
}

#[test]
fn subflows_that_multiply_are_refused_before_they_are_copied() {
    let mut entries = vec![json!({ "id": "t", "type": "tab" })];
    for level in 0..12 {
        entries.push(json!({ "id": format!("s{level}"), "type": "subflow" }));
        let z = if level == 0 { "t".to_owned() } else { format!("s{}", level - 1) };
        entries.extend((0..10).map(|at| {
            json!({ "id": format!("{level}-{at}"), "type": format!("subflow:s{level}"), "z": z, "x": 1, "wires": [] })
        }));
    }
    let error = refused(&Value::Array(entries), Format::NodeRed);
    assert!(error.message.contains("more than 10000 nodes"), "{error}");
}

#[test]
fn wires_that_multiply_are_refused() {
    // Every junction leads to all of them, and so does every node.
    let junctions: Vec<_> = (0..140).map(|at| format!("j{at}")).collect();
    let mut entries: Vec<_> = junctions
        .iter()
        .map(|id| json!({ "id": id, "type": "junction", "x": 1, "wires": [junctions] }))
        .collect();
    entries.extend(
        (0..200).map(|at| json!({ "id": format!("n{at}"), "type": "function", "x": 1, "wires": [["j0"]] })),
    );
    let error = refused(&Value::Array(entries), Format::NodeRed);
    assert!(error.message.contains("too many"), "{error}");
}

#[test]
fn circles_of_junctions_links_and_groups_end() {
    let value = json!([
        { "id": "g1", "type": "group", "z": "", "g": "g2", "x": 0, "y": 0, "w": 1e300, "h": 10 },
        { "id": "g2", "type": "group", "z": "", "g": "g1", "x": 0, "y": 0, "w": 10, "h": 10 },
        { "id": "i", "type": "inject", "g": "g1", "x": -1e308, "y": 1e308, "wires": [["j1"]] },
        { "id": "j1", "type": "junction", "x": 1, "wires": [["j2"]] },
        { "id": "j2", "type": "junction", "x": 1, "wires": [["j1", "lo"]] },
        { "id": "lo", "type": "link out", "links": ["li"], "x": 1, "wires": [] },
        { "id": "li", "type": "link in", "links": ["lo"], "x": 1, "wires": [["lo", "i", "d"]] },
        { "id": "d", "type": "debug", "x": 1, "wires": [["gone"]] },
    ]);
    let imported = import(&value, Format::NodeRed).unwrap();
    check(&imported, &value);
    assert_eq!(ways(&imported, "i-payload"), ["out -> d"]);
    assert!(notes(&imported, "d").contains(&"dangling_edge"));
}

#[test]
fn what_is_too_deep_or_too_much_is_refused_without_a_deep_stack() {
    let mut deep = json!({});
    for _ in 0..1_000 {
        deep = Value::Array(vec![deep]);
    }
    let mut value = json!({ "groups": [], "edges": [] });
    value["deep"] = deep;
    assert!(refused(&value, Format::Typebot).message.contains("nested deeper"));
    let many = json!({ "groups": [], "edges": [], "many": vec![0; VALUES_MAX] });
    assert!(refused(&many, Format::Typebot).message.contains("values"));
}

#[test]
fn too_many_nodes_are_refused_with_their_place() {
    let blocks: Vec<_> = (0..6_000).map(|at| json!({ "id": format!("b{at}"), "type": "Code" })).collect();
    let more: Vec<_> = (0..6_000).map(|at| json!({ "id": format!("c{at}"), "type": "Code" })).collect();
    let value =
        json!({ "groups": [{ "id": "g", "blocks": blocks }, { "id": "h", "blocks": more }], "edges": [] });
    let error = refused(&value, Format::Typebot);
    assert_eq!(error.path, "groups/1/blocks/3998", "{error}");
}

#[test]
fn a_large_export_is_read_and_not_kept() {
    let text = "x".repeat(SOURCE_BYTES_MAX);
    let value = json!({ "groups": [{ "id": "g", "blocks": [{ "id": "b", "type": "text", "content": { "plainText": text } }] }], "edges": [] });
    let imported = import(&value, Format::Typebot).unwrap();
    check(&imported, &value);
    assert_eq!(notes(&imported, "b"), ["text_cut"]);
    assert!(imported.flow.graph().meta.extra["source"].get("json").is_none());
}

#[test]
fn notes_are_bounded_and_say_so() {
    let variables: Vec<_> =
        (0..2_000).map(|at| json!({ "id": format!("v{at}"), "name": format!("a {at}") })).collect();
    let imported =
        import(&json!({ "groups": [], "edges": [], "variables": variables }), Format::Typebot).unwrap();
    assert_eq!(imported.notes.len(), NOTES_MAX);
    assert_eq!(imported.notes.last().map(|note| note.code), Some(NoteCode::MoreNotes));
}

#[test]
fn names_that_would_harm_a_reader_are_none_here() {
    let value = json!({
        "name": "two\nlines", "variables": [{ "id": "v", "name": "__proto__" }],
        "groups": [{ "id": "__proto__", "title": "", "blocks": [
            { "id": "a/b", "type": "text", "content": { "plainText": "{{__proto__}}" } },
            { "id": "", "type": "__proto__" }, { "id": "\u{0}", "type": "a\nb" },
        ] }],
        "edges": [{ "from": { "blockId": "a/b" }, "to": { "groupId": "__proto__", "blockId": "\u{0}" } }],
    });
    let imported = import(&value, Format::Typebot).unwrap();
    check(&imported, &value);
    assert_eq!(imported.flow.name(), "two lines");
    assert_eq!(ways(&imported, "a-b"), ["out -> -"]);
}

/// Something small, of any kind, with words that exports use.
fn any_value() -> impl Strategy<Value = Value> {
    let word = proptest::sample::select(vec![
        "",
        "text",
        "start",
        "Condition",
        "Jump",
        "Webhook",
        "choice input",
        "inject",
        "switch",
        "subflow:sub",
        "sub",
        "junction",
        "link out",
        "msg",
        "payload",
        "{{score}}",
        "{{=1=}}",
        "{% x",
        "a/b",
        "__proto__",
        "g1",
        "b4",
        "n3",
        "t1",
        "else",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Some value of an export: put elsewhere, it names what is there.
fn pick(value: &Value, way: &[u16]) -> Value {
    let Some((step, rest)) = way.split_first() else { return value.clone() };
    let at = |length: usize| usize::from(*step) % length;
    match value {
        Value::Array(items) if !items.is_empty() => pick(&items[at(items.len())], rest),
        Value::Object(members) if !members.is_empty() => {
            members.values().nth(at(members.len())).map_or(Value::Null, |member| pick(member, rest))
        }
        other => other.clone(),
    }
}

/// Changes one value somewhere inside: the numbers say where.
fn mutate(value: &mut Value, way: &[u16], with: &Value, how: u8) {
    let Some((step, rest)) = way.split_first() else {
        *value = with.clone();
        return;
    };
    let at = |length: usize| usize::from(*step) % length;
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = at(items.len());
            match how % 4 {
                0 if rest.is_empty() => drop(items.remove(at)),
                1 if rest.is_empty() => items.push(items[at].clone()),
                _ => mutate(&mut items[at], rest, with, how),
            }
        }
        Value::Object(members) if !members.is_empty() => {
            let key = members.keys().nth(at(members.len())).cloned().unwrap_or_default();
            match how % 4 {
                0 if rest.is_empty() => drop(members.remove(&key)),
                _ => mutate(members.get_mut(&key).expect("it was found"), rest, with, how),
            }
        }
        other => *other = with.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, rng_seed: RngSeed::Fixed(20_261_127), ..ProptestConfig::default() })]

    /// Exports with a few things changed, put elsewhere or taken out are refused or read,
    /// and what is read is whole.
    #[test]
    fn damaged_exports_are_refused_or_read_whole(
        which in 0..EXPORTS.len(),
        changes in proptest::collection::vec(
            (
                proptest::collection::vec(any::<u16>(), 1..7),
                proptest::collection::vec(any::<u16>(), 3..7),
                any_value(),
                any::<u8>(),
            ),
            1..6,
        ),
    ) {
        let mut value = export(EXPORTS[which].0);
        for (way, from, with, how) in &changes {
            let with = if how % 2 == 0 { pick(&value, from) } else { with.clone() };
            mutate(&mut value, way, &with, how / 2);
        }
        for format in Format::ALL {
            if let Ok(imported) = import(&value, format)
                && format != Format::Interflow
            {
                check(&imported, &value);
            }
        }
    }

    #[test]
    fn anything_at_all_is_refused_or_read_whole(value in any_value(), blocks in proptest::collection::vec(any_value(), 0..4)) {
        let group = json!({ "groups": [{ "id": "g", "blocks": blocks }], "edges": [value] });
        for value in [value, Value::Array(blocks), group] {
            for format in [Format::Typebot, Format::NodeRed] {
                if let Ok(imported) = import(&value, format) {
                    check(&imported, &value);
                }
            }
            prop_assert!(detect(&value).is_none_or(|format| Format::ALL.contains(&format)));
        }
    }
}
