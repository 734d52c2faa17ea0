//! What the server says of itself in numbers: see [`describe`] and `docs/metrics.md`.
//! What rooms count is theirs (`flow-room`, `measures.rs`).

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use flow_protocol::CloseCode;
use flow_protocol::frame::Message;
use flow_room::Count;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::app::App;

const REQUESTS: &str = "interflow_http_request_seconds";
const CONNECTIONS: &str = "interflow_connections";
const ROOMS: &str = "interflow_rooms";
const OUTBOX: &str = "interflow_outbox_bytes";
const UNCOMMITTED: &str = "interflow_uncommitted_bytes";
const OPENS: &str = "interflow_socket_opens_total";
const CLOSES: &str = "interflow_socket_closes_total";
const MESSAGES: &str = "interflow_messages_received_total";
static STEPS_1: Count = Count::new(MESSAGES, &[("kind", "step_1")]);
static STEPS_2: Count = Count::new(MESSAGES, &[("kind", "step_2")]);
static UPDATES: Count = Count::new(MESSAGES, &[("kind", "update")]);
static AWARENESS: Count = Count::new(MESSAGES, &[("kind", "awareness")]);
static QUERIES: Count = Count::new(MESSAGES, &[("kind", "query_awareness")]);
static BARRIERS: Count = Count::new(MESSAGES, &[("kind", "barrier")]);
static GROWTHS: Count = Count::new(MESSAGES, &[("kind", "growth")]);
static UNKNOWN: Count = Count::new(MESSAGES, &[("kind", "unknown")]);
const REFUSED: &str = "interflow_refused_frames_total";
const SIGN_INS: &str = "interflow_sign_ins_total";
const LIMITED: &str = "interflow_requests_limited_total";
const ACCOUNTS: &str = "interflow_accounts_created_total";
const FLOWS: &str = "interflow_flows_created_total";

/// Tells the recorder what each number means.
pub fn describe() {
    let count = |name: &'static str, text: &'static str| describe_counter!(name, Unit::Count, text);
    let gauge = |name: &'static str, unit: Unit, text: &'static str| describe_gauge!(name, unit, text);
    describe_histogram!(REQUESTS, Unit::Seconds, "HTTP requests by method, route and status.");
    gauge(CONNECTIONS, Unit::Count, "Open sockets.");
    gauge(ROOMS, Unit::Count, "Open rooms.");
    gauge(OUTBOX, Unit::Bytes, "Waiting to be written to sockets, all together.");
    gauge(UNCOMMITTED, Unit::Bytes, "Applied and not yet committed, all rooms together.");
    count(OPENS, "Sockets that joined a room.");
    count(CLOSES, "Sockets that the server closed, by close code.");
    count(MESSAGES, "Messages received on sockets, by kind.");
    count(REFUSED, "Frames and updates for which a socket was closed, by close code.");
    count(SIGN_INS, "Sign-ins by outcome: right, wrong or throttled.");
    count(LIMITED, "Requests answered with 429 because there were too many of somebody's.");
    count(ACCOUNTS, "Accounts created.");
    count(FLOWS, "Flows created.");
}

/// What is looked at only when somebody asks.
pub(crate) fn look(app: &App) {
    let sockets = app.sockets().all();
    let waiting: usize = sockets.iter().map(|(_, socket)| socket.outbox.queued_bytes()).sum();
    gauge!(CONNECTIONS).set(sockets.len() as f64);
    gauge!(OUTBOX).set(waiting as f64);
    gauge!(ROOMS).set(app.open_rooms().len() as f64);
    gauge!(UNCOMMITTED).set(app.uncommitted_bytes() as f64);
}

/// Times a request under the pattern of its route, never its path, which has ids in it.
pub(crate) async fn time_request(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let (route, method) = (route.unwrap_or_else(|| "none".into()), known_method(request.method()));
    let began = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    record(began.elapsed(), method, route, status);
    response
}

/// A client may call its method anything, and each name would be kept for ever.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

fn record(time: Duration, method: &'static str, route: String, status: String) {
    histogram!(REQUESTS, "method" => method, "route" => route, "status" => status).record(time.as_secs_f64());
}

pub(crate) fn opened() {
    counter!(OPENS).increment(1);
}

pub(crate) fn closed(code: CloseCode) {
    counter!(CLOSES, "code" => code.code().to_string()).increment(1);
}

pub(crate) fn refused(code: CloseCode) {
    counter!(REFUSED, "code" => code.code().to_string()).increment(1);
}

pub(crate) fn received(message: &Message) {
    let kind = match message {
        Message::Step1 { .. } => &STEPS_1,
        Message::Step2 { .. } => &STEPS_2,
        Message::Update { .. } => &UPDATES,
        Message::Awareness { .. } => &AWARENESS,
        Message::QueryAwareness => &QUERIES,
        Message::Barrier { .. } => &BARRIERS,
        Message::Growth { .. } => &GROWTHS,
        Message::PermissionDenied { .. } | Message::Unknown { .. } => &UNKNOWN,
    };
    kind.one();
}

pub(crate) fn signed_in(is_right: bool) {
    counter!(SIGN_INS, "outcome" => if is_right { "right" } else { "wrong" }).increment(1);
}

pub(crate) fn sign_in_throttled() {
    counter!(SIGN_INS, "outcome" => "throttled").increment(1);
}

pub(crate) fn request_limited() {
    counter!(LIMITED).increment(1);
}

pub(crate) fn account_created() {
    counter!(ACCOUNTS).increment(1);
}

pub(crate) fn flow_created() {
    counter!(FLOWS).increment(1);
}
