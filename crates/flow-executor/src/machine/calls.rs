//! Nodes that call web services.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    CallAuth, CallError, CallFailure, CallRequest, Changed, Done, Effect, ErrorKind, For, Machine, Next,
    Output, Record, Response, RunError, State,
};
use crate::language::{EvalError, Scope, Sink, Slot, Template};
use crate::plan::{
    Api, Auth, Backoff, Body, Extract, KeyPlace, Kind, Mapping, NodeIx, Reply, Request, Retry, ports,
};
use crate::value::Value;

/// Attempts of a call whose nodes died: it may be the call that they die of.
const LOST_MAX: u32 = 5;

/// Of an answer's body, in the journal.
const SHOWN_BYTES: usize = 16 << 10;

impl Machine<'_> {
    pub(crate) fn api(&mut self, now: Timestamp, at: NodeIx, api: &Api, out: &mut Output) -> Next {
        match &api.reply {
            Reply::Http(request) => self.call(now, at, request, 1, out),
            Reply::Mock { delay_ms: 0, .. } => self.mocked_call(now, at, out),
            Reply::Mock { delay_ms, .. } => {
                let until = later(now, *delay_ms);
                self.wait(now, at, For::MockedCall, "call", Some(until), out)
            }
        }
    }

    /// A node that answers by itself.
    pub(crate) fn mocked_call(&mut self, now: Timestamp, at: NodeIx, out: &mut Output) -> Next {
        let plan = self.plan;
        let Kind::Api(api) = &plan.node(at).kind else { unreachable!("only calls wait for calls") };
        let Reply::Mock { status, body, delay_ms } = &api.reply else {
            unreachable!("it answers by itself");
        };
        let headers = json!({ "content-type": "application/json" });
        self.answered(now, at, api, *status, &headers, &body.to_json(), *delay_ms, Done::default(), out)
    }

    pub(crate) fn call_again(&mut self, now: Timestamp, at: NodeIx, attempt: u32, out: &mut Output) -> Next {
        let plan = self.plan;
        match &plan.node(at).kind {
            Kind::Api(api) => match &api.reply {
                Reply::Http(request) => self.call(now, at, request, attempt, out),
                Reply::Mock { .. } => self.mocked_call(now, at, out),
            },
            _ => unreachable!("only calls are made again"),
        }
    }

    fn call(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        request: &Request,
        attempt: u32,
        out: &mut Output,
    ) -> Next {
        let call = match self.request(at, request, attempt) {
            Ok(call) => call,
            Err(error) => {
                let done = Done { attempt, ..Done::default() };
                return self.fail(now, at, error, done, out);
            }
        };
        let repeatable = call.repeatable;
        out.records.push(Record::Calling { at: now, request: Box::new(call.clone()) });
        out.effects.push(Effect::Call(Box::new(call)));
        self.wait(now, at, For::Call { attempt, repeatable }, "call", None, out)
    }

    fn request(&self, at: NodeIx, request: &Request, attempt: u32) -> Result<CallRequest, RunError> {
        let scope = &self.state;
        let render = |template: &Option<Template>, sink: Sink| match template {
            Some(template) => template.render(scope, sink),
            None => Ok(String::new()),
        };
        let mut url = request.url.render(scope, Sink::Url)?.trim().to_owned();
        let mut query = String::new();
        for (name, value) in &request.query {
            append_pair(&mut query, name, &render(value, Sink::Text)?);
        }
        if !query.is_empty() {
            // Before what begins the fragment.
            let fragment = url.find('#').unwrap_or(url.len());
            let separator = if url[..fragment].contains('?') { '&' } else { '?' };
            url.insert_str(fragment, &format!("{separator}{query}"));
        }
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            headers.push((name.clone(), render(value, Sink::Header)?));
        }
        let (content_type, body) = match &request.body {
            Body::None => (None, None),
            Body::Json(template) => {
                let body = template.render(scope, Sink::Json)?;
                if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
                    let message = format!("the body is no JSON: {error}");
                    return Err(RunError::new(ErrorKind::InvalidRequest, message));
                }
                (Some("application/json".to_owned()), Some(body))
            }
            Body::Form(fields) => {
                let mut body = String::new();
                for (name, value) in fields {
                    append_pair(&mut body, name, &render(value, Sink::Text)?);
                }
                (Some("application/x-www-form-urlencoded".to_owned()), Some(body))
            }
            Body::Raw { content, content_type } => {
                (Some(content_type.clone()), Some(content.render(scope, Sink::Text)?))
            }
        };
        let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        headers.extend(content_type.filter(|_| !has_type).map(|value| ("content-type".to_owned(), value)));
        let auth = match &request.auth {
            Auth::None => CallAuth::None,
            Auth::Basic { user, secret } => {
                CallAuth::Basic { user: user.render(scope, Sink::Text)?, secret: secret.clone() }
            }
            Auth::Bearer { secret } => CallAuth::Bearer { secret: secret.clone() },
            Auth::Key { name, place: KeyPlace::Header, secret } => {
                CallAuth::Header { name: name.clone(), secret: secret.clone() }
            }
            Auth::Key { name, place: KeyPlace::Query, secret } => {
                CallAuth::Query { name: name.clone(), secret: secret.clone() }
            }
        };
        let visit = self.state.visit();
        let node = self.plan.node(at).id.to_string();
        Ok(CallRequest {
            visit,
            attempt,
            idempotency_key: hex(&self.drawn(&node, visit, 0)),
            node,
            method: request.method.to_owned(),
            url,
            headers,
            body,
            auth,
            timeout_ms: request.timeout_ms,
            repeatable: request.idempotent || matches!(request.method, "GET" | "HEAD"),
        })
    }

    /// The same for every machine that walks this run: what stands for randomness here.
    fn drawn(&self, node: &str, visit: u32, attempt: u32) -> [u8; 32] {
        let run = self.state.values[self.plan.built_in.run.index()].as_ref();
        let run = run.map(|run| run.to_json().to_string()).unwrap_or_default();
        Sha256::digest(format!("{run}\n{node}\n{visit}\n{attempt}")).into()
    }

    pub(crate) fn called(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        attempt: u32,
        repeatable: bool,
        result: Result<Response, CallError>,
        out: &mut Output,
    ) -> Next {
        let plan = self.plan;
        let Kind::Api(api) = &plan.node(at).kind else { unreachable!("only calls are called") };
        let retry = match &api.reply {
            Reply::Http(request) => request.retry,
            Reply::Mock { .. } => Retry::NEVER,
        };
        if let Some(until) = self.retry_at(now, at, attempt, repeatable, &retry, &result) {
            return self.wait(now, at, For::Retry { attempt: attempt + 1 }, "retry", Some(until), out);
        }
        match result {
            Ok(Response { status, headers, body, ms }) => {
                let body = read_body(&body);
                let headers = json!(headers);
                let done = Done { attempt, ..Done::default() };
                self.answered(now, at, api, status, &headers, &body, ms, done, out)
            }
            Err(error) => {
                let kind = match error.failure {
                    CallFailure::Unreachable => ErrorKind::Unreachable,
                    // Whether it was done nobody knows, and it was no call that may be made again.
                    CallFailure::Timeout | CallFailure::Broken if !repeatable => ErrorKind::UnknownOutcome,
                    CallFailure::Timeout => ErrorKind::Timeout,
                    CallFailure::Broken => ErrorKind::BrokenConnection,
                    CallFailure::Refused => ErrorKind::RefusedAddress,
                    CallFailure::TooLarge => ErrorKind::ResponseTooLarge,
                    CallFailure::Invalid => ErrorKind::InvalidRequest,
                    CallFailure::UnknownOutcome => ErrorKind::UnknownOutcome,
                };
                let error = RunError::new(kind, error.message);
                self.fail(now, at, error, Done { attempt, ..Done::default() }, out)
            }
        }
    }

    /// When the call is made again, if it is.
    fn retry_at(
        &self,
        now: Timestamp,
        at: NodeIx,
        attempt: u32,
        repeatable: bool,
        retry: &Retry,
        result: &Result<Response, CallError>,
    ) -> Option<Timestamp> {
        let is_lost = matches!(result, Err(error) if error.failure == CallFailure::UnknownOutcome);
        if is_lost && repeatable && attempt < LOST_MAX {
            // Not one that failed: one of which nobody was told.
            return Some(now);
        }
        if attempt > retry.max {
            return None;
        }
        let asked = match result {
            Ok(response) if response.status == 429 || response.status >= 500 => {
                response.headers.get("retry-after").and_then(|text| retry_after(text, now))
            }
            Ok(_) => return None,
            Err(error) => match error.failure {
                CallFailure::Unreachable => None,
                CallFailure::Timeout | CallFailure::Broken | CallFailure::UnknownOutcome if repeatable => {
                    None
                }
                _ => return None,
            },
        };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds, and bounded")]
        let wait = match retry.backoff {
            Backoff::Constant => retry.base_ms as f64,
            Backoff::Exponential { factor } => {
                let exponent = i32::try_from(attempt - 1).unwrap_or(i32::MAX);
                retry.base_ms as f64 * factor.max(1.0).powi(exponent)
            }
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let wait = (wait as u64).min(retry.cap_ms);
        let node = &self.plan.node(at).id;
        let wait =
            if retry.jitter { part_of(wait, &self.drawn(node, self.state.visit(), attempt)) } else { wait };
        let asked = asked.filter(|_| retry.respect_retry_after).unwrap_or(0).min(retry.cap_ms);
        Some(later(now, wait.max(asked)))
    }

    /// A service has answered, or a mock has.
    #[expect(clippy::too_many_arguments, reason = "all of one answer")]
    pub(crate) fn answered(
        &mut self,
        now: Timestamp,
        at: NodeIx,
        api: &Api,
        status: u16,
        headers: &Json,
        body: &Json,
        ms: u64,
        done: Done,
        out: &mut Output,
    ) -> Next {
        let output = json!({ "status": status, "ms": ms, "body": shown(body) });
        let mut done = Done { output: done.output.or(Some(output)), ..done };
        if !(200..300).contains(&status) {
            let message = format!("the service answered with status {status}");
            let error = RunError { status: Some(status), ..RunError::new(ErrorKind::HttpStatus, message) };
            return self.fail(now, at, error, done, out);
        }
        let response = ResponseScope::new(&self.state, self.plan, status, headers, body, ms);
        let mut mapped = Vec::with_capacity(api.map.len());
        for mapping in &api.map {
            match extracted(mapping, &response, body) {
                Ok(value) => mapped.push((mapping.variable, value)),
                Err(error) => {
                    let name = self.state.name(mapping.variable);
                    let error = RunError::from(error);
                    let error = RunError { message: format!("{name}: {}", error.message), ..error };
                    return self.fail(now, at, error, done, out);
                }
            }
        }
        for (slot, value) in mapped {
            if let Err(error) = self.state.put(self.plan, slot, value.clone()) {
                return self.fail(now, at, error, done, out);
            }
            done.changes.push(Changed::Set { slot, value });
        }
        self.leave(now, at, ports::OUT, done, out)
    }
}

fn extracted(mapping: &Mapping, scope: &ResponseScope<'_>, body: &Json) -> Result<Value, EvalError> {
    match &mapping.extract {
        Extract::Expression(expression) => expression.evaluate(scope),
        Extract::Path { path, is_singular } => {
            let found = path.query(body).all();
            if *is_singular {
                return Ok(found.first().map(|json| Value::from(*json)).unwrap_or_default());
            }
            Ok(Value::list(found.into_iter().map(Value::from).collect()))
        }
    }
}

/// The run's variables, and what was answered.
struct ResponseScope<'s> {
    state: &'s State,
    answered: Vec<(Slot, Value)>,
}

impl<'s> ResponseScope<'s> {
    fn new(
        state: &'s State,
        plan: &crate::plan::Plan,
        status: u16,
        headers: &Json,
        body: &Json,
        ms: u64,
    ) -> Self {
        let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let values = [
            ("status", number(status.into())),
            ("headers", Value::from(headers)),
            ("body", Value::from(body)),
            ("ms", number(ms)),
        ];
        // Names that no expression uses have no place.
        let answered = values.into_iter().filter_map(|(name, value)| Some((plan.names.find(name)?, value)));
        Self { state, answered: answered.collect() }
    }
}

impl Scope for ResponseScope<'_> {
    fn get(&self, slot: Slot) -> Option<&Value> {
        let answered = self.answered.iter().find(|(known, _)| *known == slot);
        answered.map(|(_, value)| value).or_else(|| self.state.get(slot))
    }

    fn name(&self, slot: Slot) -> &str {
        self.state.name(slot)
    }
}

fn later(now: Timestamp, ms: u64) -> Timestamp {
    let ms = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    now.checked_add(ms).unwrap_or(Timestamp::MAX)
}

/// JSON if it is any; otherwise the text.
fn read_body(body: &str) -> Json {
    if body.is_empty() {
        return Json::Null;
    }
    serde_json::from_str(body).unwrap_or_else(|_| Json::String(body.to_owned()))
}

/// What a journal shows of a body.
fn shown(body: &Json) -> Json {
    let text = body.to_string();
    if text.len() <= SHOWN_BYTES {
        return body.clone();
    }
    let cut = text.floor_char_boundary(SHOWN_BYTES);
    json!({ "cut": &text[..cut], "bytes": text.len() })
}

/// Seconds, or a date (RFC 9110, section 10.2.3), in milliseconds from now.
fn retry_after(text: &str, now: Timestamp) -> Option<u64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    u64::try_from(at.duration_since(now).as_millis()).ok()
}

/// From none of it to all of it.
fn part_of(wait: u64, drawn: &[u8; 32]) -> u64 {
    let part = u32::from_be_bytes([drawn[0], drawn[1], drawn[2], drawn[3]]);
    let part = u128::from(wait) * u128::from(part) / u128::from(u32::MAX);
    u64::try_from(part).unwrap_or(wait)
}

fn append_pair(out: &mut String, name: &str, value: &str) {
    let mut pairs = url::form_urlencoded::Serializer::new(std::mem::take(out));
    pairs.append_pair(name, value);
    *out = pairs.finish();
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}
