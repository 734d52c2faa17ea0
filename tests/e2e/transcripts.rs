//! The sample flows from end to end, through HTTP, through a WebSocket and in the terminal.

use flow_base::FlowId;
use flow_client::{NewFlow, RunAnswer, StartRun, Turn};
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::PROGRAM;
use crate::chat::Chat;
use crate::people::{Scene, scene};
use crate::runs::told;

/// What somebody says to a flow, and what it begins with.
struct Script {
    sample: &'static str,
    variables: Value,
    says: &'static [&'static str],
}

fn scripts() -> [Script; 5] {
    let none = || json!({});
    [
        Script {
            sample: "booking-form",
            variables: json!({ "hotel": "Haus am See" }),
            says: &[
                "B",
                "Bo",
                "bo@example.org",
                "01 234567",
                "2026-07-01",
                "2",
                "Double room",
                "Breakfast",
                "https://example.com",
                "A quiet room",
                "I have no picture",
                "None",
                "5",
                "Book it",
            ],
        },
        Script {
            sample: "lead-qualifier",
            variables: none(),
            says: &[
                "Ada",
                "ada@example.com",
                "A support bot, Automations",
                "More than 250",
                "25000",
                "This month",
                "tomorrow",
                "2026-12-01 09:30",
                "0660 1234567",
            ],
        },
        Script {
            sample: "order-tracker",
            variables: json!({ "order_number": "OT-20481", "customer": "Ada" }),
            says: &["No, thanks"],
        },
        Script {
            sample: "quiz",
            variables: none(),
            says: &["The Danube", "Sweden", "canberra", "nonsense", "1", "South America", "No, thanks"],
        },
        Script {
            sample: "support-bot",
            variables: none(),
            says: &["Where is my order?", "BB-123456", "No, thanks"],
        },
    ]
}

/// All that was said, and how it ended.
type Transcript = (Vec<String>, Value);

fn texts<'m>(messages: impl IntoIterator<Item = &'m Value>) -> Vec<String> {
    messages.into_iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

async fn over_http(scene: &Scene, flow: FlowId, script: &Script) -> Transcript {
    let variables = script.variables.as_object().unwrap().clone();
    let start = StartRun { preview: true, variables, ..StartRun::default() };
    let mut turn = scene.ann.start_run(flow, &start).await.unwrap();
    for say in script.says {
        turn = asked(scene, turn).await;
        turn = scene.ann.answer_run(turn.run_id, &RunAnswer::text(say)).await.unwrap();
    }
    // From the beginning, as whoever watches hears it.
    told(&scene.ann, turn.run_id).await
}

/// Until it asks: it may first do something by itself.
async fn asked(scene: &Scene, turn: Turn) -> Turn {
    let asks = async || scene.ann.run(turn.run_id).await.unwrap().asks;
    flow_testing::eventually("it asks", asks, Option::is_some).await;
    turn
}

async fn over_websocket(scene: &Scene, flow: FlowId, script: &Script) -> Transcript {
    let mut chat = Chat::open(scene, flow, scene.ann.token().unwrap().expose()).await;
    chat.send(json!({ "type": "chat:start", "preview": true, "variables": script.variables })).await;
    let (mut said, mut last) = chat.until_asked().await;
    for say in script.says {
        assert_eq!(last["type"], "chat:input", "{last}");
        chat.send(json!({ "type": "chat:message", "text": say, "visit": last["visit"] })).await;
        let (more, next) = chat.until_asked().await;
        said.extend(more);
        last = next;
    }
    assert_eq!(last["type"], "chat:ended", "{last}");
    (said, json!({ "status": last["reason"], "output": last["output"] }))
}

async fn in_the_terminal(scene: &Scene, flow: FlowId, script: &Script) -> Transcript {
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.json");
    std::fs::write(&answers, json!(script.says).to_string()).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["run", &flow.to_string(), "--preview", "--json", "--answers"]).arg(&answers);
    for (name, value) in script.variables.as_object().unwrap_or(&Map::new()) {
        command.args(["--var", &format!("{name}={value}")]);
    }
    let token = scene.ann.token().unwrap();
    command.env("INTERFLOW_URL", scene.server.url()).env("INTERFLOW_TOKEN", token.expose());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = texts(lines.iter().filter(|line| line["type"] == "message").map(|line| &line["message"]));
    (said, lines.last().unwrap()["outcome"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_say_the_same_over_http_over_a_websocket_and_in_the_terminal() {
    let scene = scene().await;
    for script in scripts() {
        let flow = NewFlow { sample: Some(script.sample.into()), ..NewFlow::default() };
        let flow = scene.ann.create_flow(&flow).await.unwrap().id;
        let (http, websocket, terminal) = tokio::join!(
            over_http(&scene, flow, &script),
            over_websocket(&scene, flow, &script),
            in_the_terminal(&scene, flow, &script),
        );
        assert_eq!(http.1["status"], "completed", "{}: {http:?}", script.sample);
        assert!(http.0.len() > script.says.len(), "{}: it answers: {http:?}", script.sample);
        assert_eq!(http, websocket, "{}", script.sample);
        assert_eq!(http, terminal, "{}", script.sample);
    }
}
