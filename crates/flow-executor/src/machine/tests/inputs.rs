use serde_json::{Value as Json, json};

use super::{Play, flow};
use crate::inputs::Answer;
use crate::machine::{Effect, Happened};
use crate::plan::Plan;

fn asking(data: Json) -> Plan {
    let mut data = data;
    data["variable"] = json!("reply");
    let end = |id: &str| json!({ "id": id, "type": "end", "data": { "output": { "at": format!("'{id}'"), "reply": "reply", "raw": "input.raw" } } });
    flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": data },
            end("out"), end("invalid"), end("timeout"), end("red"), end("default"),
        ]),
        &[
            "start → ask",
            "ask → out",
            "ask.invalid → invalid",
            "ask.timeout → timeout",
            "ask.red → red",
            "ask.default → default",
        ],
        &json!({ "reply": { "type": "any" }, "list": { "type": "list", "default": ["Ada", { "label": "Bob", "value": 2 }] } }),
    )
}

#[test]
fn attempts_are_counted_and_then_it_leaves_by_invalid() {
    let plan =
        asking(json!({ "kind": "email", "max_attempts": 2, "retry_message": "Again, {{ input.raw }}?" }));
    let mut play = Play::new(&plan);
    play.say("nonsense");
    assert_eq!(play.said(), ["Again, nonsense?"]);
    assert_eq!(play.say("nonsense").state(), r#"completed {"at":"invalid","raw":"nonsense","reply":null}"#);
    let mut play = Play::new(&plan);
    play.say("x").say("Ada@Example.org");
    assert_eq!(play.state(), r#"completed {"at":"out","raw":"Ada@Example.org","reply":"Ada@example.org"}"#);
}

#[test]
fn a_timeout_is_counted_from_the_question_and_ends_with_the_answer() {
    let plan = asking(json!({ "kind": "number", "timeout_ms": 1_000 }));
    let mut play = Play::new(&plan);
    assert!(play.out.effects.iter().any(|effect| matches!(effect, Effect::SetTimer(_))));
    play.after(900).say("x");
    assert_eq!(play.due().state(), r#"completed {"at":"timeout","raw":"x","reply":null}"#);
    let mut play = Play::new(&plan);
    play.say("0");
    assert!(play.out.effects.contains(&Effect::ClearTimer));
    assert_eq!(play.state(), r#"completed {"at":"out","raw":"0","reply":0}"#);
}

#[test]
fn options_go_their_own_way_or_by_default() {
    let options = json!([
        { "id": "red", "label": "Red", "value": "#f00", "own_port": true },
        { "id": "blue", "label": "Blue" },
    ]);
    let plan = asking(json!({ "kind": "choice", "options": options, "options_from": "list" }));
    let state = |answer: Answer| {
        let mut play = Play::new(&plan);
        play.happen(Happened::Answered(answer));
        play.state()
    };
    let text = |text: &str| state(Answer::Text(text.into()));
    assert_eq!(text("RED"), r##"completed {"at":"red","raw":"RED","reply":"#f00"}"##);
    assert_eq!(text("1"), r##"completed {"at":"red","raw":"1","reply":"#f00"}"##);
    assert_eq!(text("#f00"), r##"completed {"at":"red","raw":"#f00","reply":"#f00"}"##);
    assert_eq!(text("blue"), r#"completed {"at":"default","raw":"blue","reply":"Blue"}"#);
    assert_eq!(text("ada"), r#"completed {"at":"default","raw":"ada","reply":"Ada"}"#);
    assert_eq!(
        state(Answer::Choice(vec!["item-2".into()])),
        r#"completed {"at":"default","raw":"item-2","reply":2}"#
    );
    assert_eq!(text("green"), "waiting at ask");
}

#[test]
fn what_is_asked_can_be_asked_for_again() {
    let plan = asking(
        json!({ "kind": "choice", "options_from": "list", "multiple": true, "min_choices": 0, "max_choices": 2 }),
    );
    let mut play = Play::new(&plan);
    let asked = play.machine.state.asks(&plan).unwrap();
    assert!(play.out.effects.contains(&Effect::Ask(asked.clone())));
    assert_eq!(
        serde_json::to_value(&asked).unwrap(),
        json!({
            "visit": 2, "node": "ask", "kind": "choice", "attempt": 1, "multiple": true, "minChoices": 0, "maxChoices": 2,
            "options": [{ "id": "item-1", "label": "Ada" }, { "id": "item-2", "label": "Bob" }],
        })
    );
    play.say("Ada, Bob, Cleo");
    assert_eq!(play.machine.state.asks(&plan).unwrap().attempt, 2);
    assert_eq!(play.say("Ada; bob").state(), r#"completed {"at":"out","raw":"Ada; bob","reply":["Ada",2]}"#);
}

#[test]
fn values_in_a_question_are_not_markup() {
    let plan = flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "m", "type": "message", "data": { "blocks": [
                { "id": "a", "text": "*Hi* {{ name }} <script>x</script>" },
                { "id": "b", "text": "one two three four" },
            ] } },
        ]),
        &["start → m"],
        &json!({ "name": { "type": "text", "default": "**<img src=x onerror=alert(1)>** [a](javascript:x)" } }),
    );
    let play = Play::new(&plan);
    let messages: Vec<_> = play
        .out
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Emit(message) => Some(message.clone()),
            _ => None,
        })
        .collect();
    let shown = messages[0].block["content"].to_string();
    assert_eq!(
        shown,
        r#"[{"c":[{"c":[{"t":"text","text":"Hi"}],"t":"em"},{"t":"text","text":" **<img src=x onerror=alert(1)>** [a](javascript:x) <script>x</script>"}],"t":"p"}]"#
    );
    // 400 words a minute, and none for the first.
    assert_eq!((messages[0].typing_ms, messages[1].typing_ms), (0, 600));
    assert_eq!((messages[0].id, messages[1].id), (1, 2));
}
