use super::*;

#[test]
fn bubbles_in_a_row_are_one_message_in_markdown() {
    let cake = imported("typebot-6-cake-order");
    let blocks = &data(&cake, "bhello")["blocks"];
    assert_eq!(
        blocks[0]["text"],
        "Hello from **Crumb & Co**!\n\nCakes from scratch since 1987 – {{ \"{%\" }} no %} mixes\\_ever \\*honest\\*.\n\n\
         - chocolate\n- *carrot*\n\n[See the menu](<https://crumb.example/menu>)"
    );
    assert_eq!((&blocks[1]["kind"], &blocks[1]["alt"]), (&json!("image"), &json!("A cake")));
    assert_eq!(notes(&cake, "bhello"), ["formatting_lost", "option_dropped"]);
    // What an edge leads to stands alone.
    assert_eq!(node_type(&cake, "bdone"), "message");
}

#[test]
fn blocks_follow_each_other_and_edges_lead_elsewhere() {
    let cake = imported("typebot-6-cake-order");
    assert_eq!(ways(&cake, "evstart"), ["out -> bhello"]);
    assert_eq!(ways(&cake, "bhello"), ["out -> bname"]);
    assert_eq!(ways(&cake, "bcake"), ["ichoc -> bchoc", "icustom -> bgo", "out -> bserv"]);
    assert_eq!(ways(&cake, "bserv"), ["out -> bprice"]);
    assert_eq!(ways(&cake, "bcond"), ["else -> bdone", "ibig -> bmail"]);
    assert_eq!(data(&cake, "bback"), json!({ "target": "bserv" }));
    let feedback = imported("typebot-5-course-feedback");
    // A branch without an edge goes on in its group.
    assert_eq!(ways(&feedback, "b4"), ["else -> b5", "i1 -> b7", "i2 -> b5"]);
    assert_eq!(ways(&feedback, "b6"), ["ia -> b11"]);
    assert_eq!(node_type(&feedback, "b0"), "start");
}

#[test]
fn inputs_keep_what_they_ask_for() {
    let cake = imported("typebot-6-cake-order");
    let choice = data(&cake, "bcake");
    assert_eq!((&choice["kind"], &choice["variable"]), (&json!("choice"), &json!("Cake")));
    assert_eq!(choice["options"][0]["value"], "choc");
    assert_eq!(
        (&choice["options"][0]["own_port"], &choice["options"][1]["own_port"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(choice["options"][1]["label"], "Carrot for {{ First_name }}");
    let number = data(&cake, "bserv");
    assert_eq!(
        number,
        json!({ "kind": "number", "variable": "Servings", "min": 4, "max": 40, "step": 2, "placeholder": "How many?" })
    );
    let email = json!({ "kind": "email", "variable": "Email", "retry_message": "That is no address we can write to." });
    assert_eq!(data(&cake, "bmail"), email);
    assert_eq!(
        data(&cake, "brate"),
        json!({ "kind": "rating", "variable": "rating_reply", "rating_max": 5 })
    );
    assert_eq!(notes(&cake, "brate"), ["variable_added", "option_dropped"]);
    let feedback = imported("typebot-5-course-feedback");
    let phone = data(&feedback, "b8");
    assert_eq!((&phone["default_country"], &phone["kind"]), (&json!("AT"), &json!("phone")));
    let date =
        json!({ "kind": "date", "variable": "Next_date", "with_time": true, "min_date": "2026-01-01" });
    assert_eq!(data(&feedback, "b11"), date);
    assert_eq!(notes(&feedback, "b11"), ["changed", "option_dropped", "option_dropped"]);
    let flats = imported("typebot-3-flat-viewing");
    let files = data(&flats, "papers");
    assert_eq!(files["file_types"], json!(["application/pdf", "image/*"]));
    assert_eq!((&files["files_max"], &files["file_bytes_max"]), (&json!(20), &json!(10_485_760)));
    assert_eq!(notes(&flats, "papers"), ["changed", "option_dropped"]);
}

#[test]
fn an_item_called_as_an_output_of_its_node_gets_another_handle() {
    let flats = imported("typebot-3-flat-viewing");
    let options = &data(&flats, "pics")["options"];
    assert_eq!((&options[0]["id"], &options[1]["id"]), (&json!("item-0"), &json!("p2")));
    assert_eq!(
        (&data(&flats, "pics")["multiple"], ways(&flats, "pics")),
        (&json!(true), vec!["out -> papers".into(), "p2 -> site".to_owned()])
    );
}

#[test]
fn calls_keep_their_parts_and_no_code() {
    let cake = imported("typebot-6-cake-order");
    let call = data(&cake, "bcall");
    assert_eq!(
        (&call["method"], &call["timeout_ms"], &call["onError"]),
        (&json!("POST"), &json!(20_000), &json!("continue"))
    );
    assert_eq!(call["body"], "{\"cake\":\"{{ Cake }}\",\"n\":{{ Servings }}}");
    assert_eq!(call["query"][0]["value"], "{{ First_name }}");
    let map = call["map"].as_array().expect("a list");
    assert_eq!(
        (map.len(), &map[0]["path"], &map[0]["variable"]),
        (1, &json!("$.order.id"), &json!("Order_id"))
    );
    assert_eq!(notes(&cake, "bcall"), ["literal_secret", "option_dropped"]);
    let flats = imported("typebot-3-flat-viewing");
    assert_eq!(notes(&flats, "hook"), ["incomplete", "changed"]);
    assert_eq!(data(&flats, "hook")["map"][0]["expression"], "status");
}

#[test]
fn what_is_set_is_a_value_an_expression_or_a_text_and_code_is_a_placeholder() {
    let cake = imported("typebot-6-cake-order");
    let set = |imported: &Imported, node: &str| data(imported, node)["assignments"][0].clone();
    assert_eq!(set(&cake, "bprice")["expression"], "Servings * 4.5 + 10");
    assert_eq!(
        (&set(&cake, "bappend")["kind"], &set(&cake, "bappend")["expression"]),
        (&json!("append"), &json!("Cake ~ \" cake\""))
    );
    let feedback = imported("typebot-5-course-feedback");
    assert_eq!(set(&feedback, "b14")["template"], "See you, {{ comment }}");
    assert_eq!(
        (node_type(&feedback, "b13"), notes(&feedback, "b13")),
        ("typebot:Set variable", vec!["code"])
    );
    assert_eq!(data(&feedback, "b13")["code"], "Math.floor(Math.random() * 6)");
    assert_eq!(
        (node_type(&feedback, "b9"), &data(&feedback, "b9")["code"]),
        ("typebot:Code", &json!("window.track('sad', {{score}})"))
    );
    assert_eq!(data(&feedback, "b16")["expression"], "(score) * 1000");
    assert_eq!(data(&cake, "bwait")["duration_ms"], 1_500);
}

#[test]
fn comparisons_that_say_nothing_are_found_by_validation() {
    let feedback = imported("typebot-5-course-feedback");
    assert_eq!(notes(&feedback, "b4"), ["incomplete", "incomplete"]);
    let missing: Vec<_> = validate(feedback.flow.graph())
        .into_iter()
        .filter(|finding| finding.code == Code::MissingField && finding.node.as_deref() == Some("b4"))
        .filter_map(|finding| finding.field)
        .collect();
    assert_eq!(missing, ["branches/i2/rules/rule-1/left", "branches/i2/rules/rule-1/operator"]);
    let cake = imported("typebot-6-cake-order");
    let rules = &data(&cake, "bcond")["branches"][0]["rules"];
    assert_eq!((&rules[0]["operator"], &rules[0]["right"]), (&json!("at_least"), &json!(100)));
    assert_eq!(rules[1]["right_expression"], "First_name");
}

#[test]
fn variables_get_names_that_expressions_can_use() {
    let flats = imported("typebot-3-flat-viewing");
    let names: Vec<_> = flats.flow.graph().variables.keys().map(AsRef::as_ref).collect();
    assert_eq!(names, ["Gr__e", "_2nd_choice", "docs", "now_", "web"]);
    assert_eq!(data(&flats, "t-1")["blocks"][0]["text"], "Which {{ _2nd_choice }} flat?");
    let renamed = flats.notes.iter().filter(|note| note.code == NoteCode::VariableRenamed).count();
    assert_eq!(renamed, 3);
    let cake = imported("typebot-6-cake-order");
    assert_eq!(cake.flow.graph().variables["Extras"].default, Some(json!(["candles"])));
    assert!(notes(&cake, "bdone").contains(&"changed"), "an unknown variable is said");
}

#[test]
fn ids_that_cannot_be_used_change_and_others_stay() {
    let flats = imported("typebot-3-flat-viewing");
    assert!(flats.flow.graph().nodes.contains_key("t-1"), "from t/1");
    assert_eq!(notes(&flats, "t-1"), ["id_changed"]);
    assert_eq!(flats.flow.graph().nodes["t-1"].extra["source"]["id"], "t/1");
}

#[test]
fn groups_keep_their_places_and_hold_their_blocks() {
    let cake = imported("typebot-6-cake-order");
    let graph = cake.flow.graph();
    let place = |id: &str| (graph.layout[id].x, graph.layout[id].y);
    assert_eq!(
        (place("gwelcome"), place("gchoc"), place("gdone")),
        ((420.0, 0.0), (960.0, -440.0), (1_920.0, 660.0))
    );
    assert_eq!(graph.nodes["bserv"].parent.as_deref(), Some("gwelcome"));
    let frame = graph.layout["gwelcome"];
    assert!(place("bserv").1 + 120.0 <= frame.h.unwrap() && place("bserv").0 + 260.0 <= frame.w.unwrap());
    assert_eq!(graph.nodes["gwelcome"].label.as_deref(), Some("Welcome"));
}

#[test]
fn what_is_not_text_or_code_is_linked_or_stands_as_a_placeholder() {
    let flats = imported("typebot-3-flat-viewing");
    assert_eq!(data(&flats, "embed")["blocks"][0]["buttons"][0]["url"], "https://maps.example/{{ Gr__e }}");
    for (node, node_type_) in [("pay", "typebot:payment input"), ("link", "typebot:Typebot link")] {
        assert_eq!((node_type(&flats, node), notes(&flats, node)), (node_type_, vec!["placeholder"]));
    }
    let kept: Value = serde_json::from_str(data(&flats, "pay")["source"].as_str().unwrap()).unwrap();
    assert_eq!(kept["options"]["amount"], "30");
    // An edge into a group without blocks leads nowhere.
    assert!(flats.notes.iter().any(|note| note.code == NoteCode::DanglingEdge));
}

#[test]
fn edges_that_lead_nowhere_or_leave_by_nothing_are_said() {
    let group = |id: &str, blocks: Value| json!({ "id": id, "title": id, "blocks": blocks });
    let edge = |from: Value, to: Value| json!({ "from": from, "to": to });
    let value = json!({
        "version": "5",
        "groups": [
            group("s", json!([{ "id": "start", "type": "start" }])),
            group("a", json!([
                { "id": "ask", "type": "choice input", "items": [{ "id": "back", "content": "Back" }, { "id": "on", "content": "On" }] },
                { "id": "text", "type": "text input", "items": [{ "id": "odd" }] },
                { "id": "jump", "type": "Jump", "options": { "groupId": "s" } },
            ])),
        ],
        "edges": [
            edge(json!({ "blockId": "start" }), json!({ "groupId": "a" })),
            edge(json!({ "blockId": "ask", "itemId": "back" }), json!({ "groupId": "s" })),
            edge(json!({ "blockId": "ask", "itemId": "on" }), json!({ "groupId": "a", "blockId": "text" })),
            edge(json!({ "blockId": "text", "itemId": "odd" }), json!({ "groupId": "a" })),
            edge(json!({ "blockId": "jump" }), json!({ "groupId": "a" })),
            edge(json!({ "blockId": "text" }), json!({ "groupId": "a", "blockId": "a" })),
        ],
    });
    let imported = import(&value, Format::Typebot).expect("the export is whole");
    check(&imported, &value);
    assert_eq!(ways(&imported, "ask"), ["on -> text", "out -> text"], "nothing leads to a start");
    assert_eq!(
        data(&imported, "ask")["options"][0].get("own_port"),
        None,
        "choosing it goes on as the others"
    );
    assert_eq!(ways(&imported, "text"), ["out -> jump"]);
    assert_eq!(
        (data(&imported, "jump"), notes(&imported, "jump")),
        (json!({}), vec!["incomplete", "dangling_edge"])
    );
    assert_eq!(imported.notes.iter().filter(|note| note.code == NoteCode::DanglingEdge).count(), 4);
}
