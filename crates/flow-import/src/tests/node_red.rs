use super::*;

#[test]
fn the_first_trigger_starts_the_flow_with_what_it_sends() {
    let frost = imported("node-red-frost-warning");
    assert_eq!(
        (node_type(&frost, "n1"), frost.flow.name(), frost.flow.description()),
        ("start", "Frost warning", "Warns the gardener.")
    );
    let set = data(&frost, "n1-payload");
    let set: Vec<_> =
        set["assignments"].as_array().unwrap().iter().map(|one| (&one["variable"], &one["value"])).collect();
    assert_eq!(
        set,
        [
            (&json!("payload"), &json!(3)),
            (&json!("topic"), &json!("frost")),
            (&json!("city"), &json!("Graz"))
        ]
    );
    assert_eq!(ways(&frost, "n1"), ["out -> n1-payload"]);
    assert_eq!(ways(&frost, "n1-payload"), ["out -> n2"], "the debug node beside it is not connected");
    assert_eq!(notes(&frost, "n1"), ["option_dropped", "option_dropped"], "its schedule");
    let api = imported("node-red-order-api");
    assert_eq!((node_type(&api, "in"), &data(&api, "in")["trigger"]), ("start", &json!("api")));
    assert_eq!(node_type(&api, "inj"), "node-red:inject");
    assert!(notes(&api, "inj").contains(&"several_starts"));
}

#[test]
fn rules_become_branches_with_their_wires() {
    let frost = imported("node-red-frost-warning");
    let branches = data(&frost, "n3")["branches"].clone();
    assert_eq!(branches[0]["rules"][0]["left"], "payload.days[0].min");
    assert_eq!(
        (&branches[1]["rules"][0]["operator"], &branches[1]["rules"][1]["right"]),
        (&json!("at_least"), &json!(4))
    );
    assert_eq!(ways(&frost, "n3"), ["rule-0 -> n4", "rule-1 -> n5"]);
    assert_eq!(notes(&frost, "n3"), Vec::<&str>::new());
    let bell = imported("node-red-doorbell");
    assert_eq!(data(&bell, "pressed")["branches"][1]["rules"][0]["right"], "(?i)^ri");
    assert!(notes(&bell, "pressed").contains(&"changed"), "all rules were checked there");
}

#[test]
fn changes_become_assignments_and_others_placeholders() {
    let frost = imported("node-red-frost-warning");
    let set = data(&frost, "n4")["assignments"].clone();
    assert_eq!(
        (&set[0]["value"], &set[1]["variable"], &set[1]["expression"]),
        (&json!("Frost tonight"), &json!("flow_warned"), &json!("now"))
    );
    assert_eq!((&set[2]["variable"], &set[2]["value"]), (&json!("topic"), &Value::Null));
    let bell = imported("node-red-doorbell");
    assert_eq!(node_type(&bell, "count"), "node-red:change", "replacing in a text has no counterpart");
}

#[test]
fn calls_and_templates_name_variables() {
    let frost = imported("node-red-frost-warning");
    let call = data(&frost, "n2");
    assert_eq!(call["url"], "https://weather.example/v1/{{ city }}?days={{ payload }}");
    assert_eq!(
        (&call["headers"][0]["name"], &call["headers"][0]["value"]),
        (&json!("Accept"), &json!("application/json"))
    );
    assert_eq!(call["map"][0]["expression"], "body");
    assert_eq!(notes(&frost, "n2"), ["secret_needed", "literal_secret", "changed"]);
    let missing = validate(frost.flow.graph())
        .into_iter()
        .any(|finding| finding.field.as_deref() == Some("auth_secret"));
    assert!(missing, "a secret that is not there keeps the flow from being published");
    let api = imported("node-red-order-api");
    let template = "Order {{ payload.id }} of {{ flow_shop }} 100% {{ \"{%\" }} safe %}";
    assert_eq!(data(&api, "u1.s2")["assignments"][0]["template"], template);
}

#[test]
fn code_is_kept_as_text_and_not_run() {
    let frost = imported("node-red-frost-warning");
    assert_eq!((node_type(&frost, "n5"), notes(&frost, "n5")), ("node-red:function", vec!["code"]));
    assert!(data(&frost, "n5")["code"].as_str().unwrap().contains("return msg;"));
    assert_eq!(ways(&frost, "n5"), ["out -> n6"], "its edges stay");
}

#[test]
fn subflows_are_copied_to_where_they_are_used() {
    let api = imported("node-red-order-api");
    assert_eq!(ways(&api, "in"), ["out -> u1.s1"]);
    assert_eq!(ways(&api, "u1.s1"), ["else -> bad", "rule-0 -> u1.s2"]);
    assert_eq!(ways(&api, "u1.s2"), ["out -> u2.s1"]);
    assert_eq!(ways(&api, "u2.s2"), ["out -> ok"]);
    let graph = api.flow.graph();
    assert_eq!(
        (&*graph.nodes["u1"].node_type, graph.nodes["u1.s1"].parent.as_deref()),
        ("group", Some("u1"))
    );
    assert_eq!(
        (graph.nodes["u1"].label.as_deref(), graph.nodes["u2"].label.as_deref()),
        (Some("Look up"), Some("twice"))
    );
    assert_eq!(notes(&api, "u1"), ["expanded"]);
}

#[test]
fn junctions_and_links_are_joined_and_fan_outs_are_kept_and_refused() {
    let bell = imported("node-red-doorbell");
    let graph = bell.flow.graph();
    assert!(["j1", "lo", "li"].iter().all(|id| !graph.nodes.contains_key(*id)));
    assert_eq!(ways(&bell, "bell"), ["out -> pressed"], "the other tab is off");
    assert_eq!(ways(&bell, "count"), ["out -> chime", "out -> count"]);
    assert_eq!(ways(&bell, "chime"), ["out-3 -> count"]);
    assert!(notes(&bell, "count").contains(&"fan_out"));
    assert!(validate(graph).iter().any(|finding| finding.code == Code::SeveralEdges));
}

#[test]
fn tabs_and_groups_are_frames_around_their_nodes() {
    let bell = imported("node-red-doorbell");
    let graph = bell.flow.graph();
    let parent = |id: &str| graph.nodes[id].parent.as_deref();
    assert_eq!(
        (parent("bell"), parent("pressed"), parent("grp2"), parent("grp")),
        (Some("grp"), Some("grp2"), Some("grp"), Some("door"))
    );
    assert_eq!(parent("chime"), Some("house"));
    assert!(graph.nodes["chime"].disabled && !graph.nodes["pressed"].disabled, "the tab is off");
    assert!(graph.layout["house"].y >= graph.layout["door"].y + graph.layout["door"].h.unwrap());
    let frost = imported("node-red-frost-warning");
    let place = |id: &str| (frost.flow.graph().layout[id].x, frost.flow.graph().layout[id].y);
    assert_eq!(place("n3"), (940.0, 163.0));
}

#[test]
fn comments_debug_nodes_and_configurations_do_nothing() {
    let frost = imported("node-red-frost-warning");
    assert_eq!(
        (node_type(&frost, "n10"), &data(&frost, "n10")["text"]),
        ("note", &json!("Below **zero** the {{ \"{{\" }} hose }} freezes."))
    );
    let debug = &frost.flow.graph().nodes["n9"];
    assert!(debug.disabled && debug.node_type == "message");
    let bell = imported("node-red-doorbell");
    assert!(
        bell.notes
            .iter()
            .any(|note| note.code == NoteCode::ConfigDropped && note.message.contains("mqtt-broker"))
    );
}

/// Nodes on one tab or subflow.
fn read(entries: &Value) -> Imported {
    let imported = import(entries, Format::NodeRed).expect("the export is whole");
    check(&imported, entries);
    imported
}

#[test]
fn a_subflow_in_a_subflow_leads_out_of_both() {
    let imported = read(&json!([
        { "id": "a", "type": "subflow", "in": [{ "wires": [{ "id": "b1" }] }], "out": [{ "wires": [{ "id": "b1", "port": 0 }] }] },
        { "id": "b", "type": "subflow", "in": [{ "wires": [{ "id": "j" }] }],
          "out": [{ "wires": [{ "id": "f", "port": 0 }, { "id": "b", "port": 0 }] }] },
        { "id": "b1", "type": "subflow:b", "z": "a", "x": 1, "y": 1, "wires": [[]] },
        { "id": "j", "type": "junction", "z": "b", "x": 1, "y": 1, "wires": [["f"]] },
        { "id": "f", "type": "function", "z": "b", "x": 1, "y": 1, "func": "", "wires": [[]] },
        { "id": "i", "type": "inject", "z": "t", "x": 1, "y": 1, "props": [], "payload": "", "payloadType": "str", "wires": [["u"]] },
        { "id": "u", "type": "subflow:a", "z": "t", "x": 1, "y": 1, "wires": [["d"]] },
        { "id": "d", "type": "function", "z": "t", "x": 1, "y": 1, "func": "", "wires": [[]] },
    ]));
    assert_eq!(ways(&imported, "i"), ["out -> d", "out -> u.b1.f"], "through both, and past the function");
    assert_eq!(ways(&imported, "u.b1.f"), ["out -> d"]);
}

#[test]
fn nothing_gets_past_a_link_that_is_off() {
    let imported = read(&json!([
        { "id": "i", "type": "inject", "x": 1, "y": 1, "props": [], "payload": "", "payloadType": "str", "wires": [["lo", "f"]] },
        { "id": "lo", "type": "link out", "links": ["li"], "x": 1, "y": 1, "wires": [] },
        { "id": "li", "type": "link in", "d": true, "x": 1, "y": 1, "wires": [["g"]] },
        { "id": "f", "type": "function", "x": 1, "y": 1, "wires": [["g"]] },
        { "id": "g", "type": "function", "d": true, "x": 1, "y": 1, "wires": [["f"]] },
    ]));
    assert_eq!(ways(&imported, "i"), ["out -> f"]);
    assert_eq!(notes(&imported, "f"), ["placeholder", "changed"], "its wire to g is left out");
    assert_eq!(ways(&imported, "g"), ["out -> f"], "and is there when it is on again");
}

#[test]
fn wires_that_cannot_be_kept_are_said() {
    let imported = read(&json!([
        { "id": "s", "type": "subflow", "in": [], "out": [{ "wires": [{ "id": "f", "port": 3 }] }] },
        { "id": "f", "type": "function", "z": "s", "x": 1, "y": 1, "func": "", "wires": [[]] },
        { "id": "u", "type": "subflow:s", "x": 1, "y": 1, "wires": [["e"]] },
        { "id": "e", "type": "http response", "x": 1, "y": 1, "wires": [["u"]] },
        { "id": "c", "type": "comment", "name": "c", "x": 1, "y": 1, "wires": [] },
        { "id": "g", "type": "function", "x": 1, "y": 1, "func": "", "wires": [["c", "gone"]] },
    ]));
    assert_eq!(notes(&imported, "u.f"), ["code", "dangling_edge"]);
    assert_eq!(notes(&imported, "e"), ["changed", "dangling_edge"]);
    assert_eq!(notes(&imported, "g"), ["code", "dangling_edge", "dangling_edge"]);
    assert_eq!(imported.flow.graph().edges.len(), 0);
}
