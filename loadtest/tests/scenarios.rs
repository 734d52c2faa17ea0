//! Every scenario against the floor, for a moment. What is checked are counts: times are
//! those of whatever machine this runs on.

use std::sync::Arc;
use std::time::Duration;

use flow_loadtest::floor;
use flow_loadtest::report::Outcome;
use flow_loadtest::scenario::{Setting, cold_open, fan_out, idle, join_storm, presence, saturation};
use flow_loadtest::target::{Target, TargetOptions};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// The floor in this process, ended with the test.
struct Floor {
    setting: Setting,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Floor {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/rooms", listener.local_addr()?);
        let target = Target::new(&TargetOptions { url: Some(url), interflow: None }, 40)?;
        let setting = Setting { target, pid: Some(std::process::id()), quiet: true, together: None };
        Ok(Self { setting, serving: tokio::spawn(floor::serve(listener)) })
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[track_caller]
fn assert_figure(outcome: &Outcome, name: &str, expected: f64) {
    let found = outcome.figure(name);
    assert_eq!(found, Some(expected), "{name} in {}", outcome.summary());
}

fn latencies(outcome: &Outcome) -> Vec<(&str, u64)> {
    outcome.latencies.iter().map(|all| (all.name.as_str(), all.count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fan_out_times_every_measured_delivery_and_acknowledgement() {
    let floor = Floor::start().await.unwrap();
    let options = fan_out::FanOut {
        rooms: 2,
        people: 5,
        writers: 2,
        rate: 50.0,
        seconds: 0.2,
        warm_up: 0.1,
        acks: true,
    };
    let outcome = fan_out::run(&options, &floor.setting).await.unwrap();
    // Ten edits of each of four writers, to four others; the warm-up is not timed.
    let expected = [("edit to peer", 10 * 4 * 4), ("edit to acknowledgement", 10 * 4)];
    assert_eq!(latencies(&outcome), expected);
    assert_figure(&outcome, "deliveries merged with others", 0.0);
    assert!(outcome.figure("server CPU per delivery").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saturation_delivers_everything_with_and_without_acknowledgements() {
    let floor = Floor::start().await.unwrap();
    for (acks, edits_per_ack) in [(false, 1), (true, 1), (true, 8)] {
        let options = saturation::Saturation {
            rooms: 2,
            people: 4,
            writers: 2,
            seconds: 0.2,
            warm_up: 0.05,
            window: 16,
            acks,
            edits_per_ack,
        };
        let outcome = saturation::run(&options, &floor.setting).await.unwrap();
        let edits = outcome.figure("edits in all").unwrap();
        assert!(edits > 4.0 * 16.0, "the window moved: {edits}");
        assert_figure(&outcome, "deliveries in all", edits * 3.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_shows_everybody_to_everybody_and_an_echo_is_no_news() {
    let floor = Floor::start().await.unwrap();
    for echo in [false, true] {
        let options =
            presence::Presence { rooms: 2, people: 4, rate: 50.0, seconds: 0.2, warm_up: 0.1, echo };
        let outcome = presence::run(&options, &floor.setting).await.unwrap();
        assert_eq!(latencies(&outcome), [("move to peer", 10 * 8 * 3)]);
        assert_figure(&outcome, "states received", f64::from((10 + 5) * 8 * 3));
        assert_figure(&outcome, "of these, covered by a newer one", 0.0);
    }
}

/// Otherwise who has to register people first would be measured after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_compared_at_the_same_time_begins_when_both_are_ready() {
    let floor = Floor::start().await.unwrap();
    let fan_out = fan_out::FanOut {
        rooms: 1,
        people: 3,
        writers: 1,
        rate: 50.0,
        seconds: 0.2,
        warm_up: 0.1,
        acks: true,
    };
    let saturation = saturation::Saturation {
        rooms: 1,
        people: 3,
        writers: 1,
        seconds: 0.2,
        warm_up: 0.1,
        window: 16,
        acks: true,
        edits_per_ack: 1,
    };
    let presence =
        presence::Presence { rooms: 1, people: 3, rate: 50.0, seconds: 0.2, warm_up: 0.1, echo: false };
    let pair = || {
        let start = Arc::new(Barrier::new(2));
        (Setting { together: Some(Arc::clone(&start)), ..floor.setting.clone() }, start)
    };
    let ((one, first), (two, second), (three, third)) = (pair(), pair(), pair());
    let mut runs = JoinSet::new();
    runs.spawn(async move { fan_out::run(&fan_out, &one).await });
    runs.spawn(async move { saturation::run(&saturation, &two).await });
    runs.spawn(async move { presence::run(&presence, &three).await });
    // Each would end within half a second.
    if let Ok(early) = timeout(Duration::from_secs(2), runs.join_next()).await {
        panic!("one did not wait for the other: {:?}", early.map(|run| run.map(|run| run.map(drop))));
    }
    tokio::join!(first.wait(), second.wait(), third.wait());
    while let Some(outcome) = runs.join_next().await {
        assert!(outcome.unwrap().unwrap().figure("server CPU per delivery").is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_all_stay() {
    let floor = Floor::start().await.unwrap();
    let options =
        idle::Idle { connections: 60, rooms: 3, opens_per_second: 5_000.0, settle: 0.0, seconds: 0.1 };
    let outcome = idle::run(&options, &floor.setting).await.unwrap();
    assert_figure(&outcome, "connections", 60.0);
    assert!(outcome.figure("server memory per connection").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_of_a_storm_arrives() {
    let floor = Floor::start().await.unwrap();
    for (known, spread) in [(false, 0.0), (true, 0.1)] {
        let options = join_storm::JoinStorm { people: 40, spread, nodes: 5, edges: 5, known, rate: 50.0 };
        let outcome = join_storm::run(&options, &floor.setting).await.unwrap();
        assert_eq!(latencies(&outcome), [("connecting to content", 40)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_is_not_there_is_noticed() {
    let mut floor = Floor::start().await.unwrap();
    let options =
        cold_open::ColdOpen { nodes: 5, edges: 5, edits: 3, times: 1, room: None, no_restart: false };
    let failed = cold_open::run(&options, &mut floor.setting, None).await.unwrap_err();
    assert!(format!("{failed:#}").contains("0 nodes and 0 edges, not 5 and 5"), "{failed:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_fails_the_run() {
    let floor = Floor::start().await.unwrap();
    let options = fan_out::FanOut {
        rooms: 1,
        people: 3,
        writers: 1,
        rate: 20.0,
        seconds: 60.0,
        warm_up: 0.0,
        acks: false,
    };
    let setting = floor.setting.clone();
    let running = tokio::spawn(async move { fan_out::run(&options, &setting).await });
    floor.serving.abort();
    running.await.unwrap().unwrap_err();
}
