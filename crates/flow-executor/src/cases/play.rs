//! One case, played to its end.

use std::time::Duration;

use flow_model::graph::Test;
use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::assertion::{Failure, Judged, Readings, shown};
use super::coverage::Visits;
use super::read::{Case, Does, Turn};
use super::report::{CaseReport, CaseStatus, Room, TurnReport};
use crate::machine::{At, Effect, Event, For, Happened, Outcome, RunInfo, State, Waiting};
use crate::plan::Plan;
use crate::runner::{Computed, compute};
use crate::value::Value;

/// What a turn of a case may say, over all the delays that pass in it: what a turn of a run may,
/// between two of them. More ends the case.
const TURN_SAID_BYTES_MAX: usize = 4 << 20;

pub(super) fn play(
    test: &Test,
    case: &Case,
    plan: &Plan,
    turn_within: Duration,
    end: Instant,
    visits: &mut Visits,
    room: &mut Room,
) -> CaseReport {
    let mut report = CaseReport { status: CaseStatus::Passed, error: None, ..CaseReport::error(test, "") };
    if let Some(unknown) = case.mocks.keys().find(|node| plan.find(node).is_none()) {
        return CaseReport::error(test, &format!("mocks/{unknown}: the flow has no such node"));
    }
    let info = RunInfo { id: test.id.to_string(), started_at: case.now, user: Value::Null, mocks: true };
    let state = State::new(plan, &info);
    let mut player =
        Player { plan, state, now: case.now, said: Vec::new(), said_bytes: 0, turn_within, end, visits };
    if let Err(why) = player.play(case, &mut report, room) {
        (report.status, report.error) = (CaseStatus::Error, Some(shown(&why).to_owned()));
    } else if report.failed() > 0 {
        report.status = CaseStatus::Failed;
    }
    report.outcome = Some(status(&player.state).to_owned());
    report.ms = millis(case.now, player.now);
    report
}

struct Player<'p> {
    plan: &'p Plan,
    state: State,
    /// The clock of the case: it moves where the flow waits.
    now: Timestamp,
    /// In the turn under way.
    said: Vec<String>,
    said_bytes: usize,
    turn_within: Duration,
    end: Instant,
    visits: &'p mut Visits,
}

impl Player<'_> {
    /// What keeps it from being played on ends it.
    fn play(&mut self, case: &Case, report: &mut CaseReport, room: &mut Room) -> Result<(), String> {
        let start = Happened::Start { input: case.variables.clone() };
        let mut turns = case.turns.iter().peekable();
        let opening = turns.next_if(|turn| turn.does == Does::Begins);
        let result = self.begin(start);
        let (turn, judged) = self.judged(opening, case.now, room);
        report.turns.push(turn);
        result.and(judged)?;
        for turn in turns {
            let began = self.now;
            let result = self.take(turn);
            let (turn, judged) = self.judged(Some(turn), began, room);
            report.turns.push(turn);
            result.and(judged)?;
        }
        Ok(())
    }

    fn begin(&mut self, start: Happened) -> Result<(), String> {
        self.happen(start)?;
        self.settle()
    }

    fn take(&mut self, turn: &Turn) -> Result<(), String> {
        let what = match &turn.does {
            Does::Begins => return Err(format!("turns/{}: only the first turn says nothing", turn.id)),
            Does::Says(answer) => Happened::Answered(answer.clone()),
            Does::Waits => Happened::Due,
        };
        let at = format!("turns/{}", turn.id);
        match (&self.state.at, &turn.does) {
            (At::Ended(_), _) => {
                return Err(format!("{at}: the run has ended already, it is {}", status(&self.state)));
            }
            (At::Waiting(Waiting { until: Some(until), .. }), Does::Waits) => self.now = self.now.max(*until),
            (_, Does::Waits) => return Err(format!("{at}: the flow waits here for as long as it takes")),
            _ => {}
        }
        self.happen(what)?;
        self.settle()
    }

    /// Lets the time pass for which the flow does nothing by itself.
    fn settle(&mut self) -> Result<(), String> {
        loop {
            match &self.state.at {
                At::Waiting(Waiting { node, what: For::Call { .. }, .. }) => {
                    let node = self.plan.node(*node);
                    return Err(format!("{} calls a web service and has no mock ({})", node.name(), node.id));
                }
                At::Waiting(Waiting { what: For::Answer { .. }, .. }) | At::Ended(_) => return Ok(()),
                At::Waiting(Waiting { until, .. }) => {
                    self.now = self.now.max(until.unwrap_or(self.now));
                    self.happen(Happened::Due)?;
                }
                At::Begin | At::Next(_) => unreachable!("a turn goes on until something has to happen"),
            }
        }
    }

    fn happen(&mut self, what: Happened) -> Result<(), String> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(super::TIME_IS_OVER.to_owned());
        }
        let event = Event { at: self.now, what };
        let computed = compute(self.plan, self.state.clone(), event, self.turn_within.min(left));
        let Computed { state, out } = computed.map_err(|stale| stale.to_string())?;
        self.visits.note(self.plan, &out.records);
        self.state = state;
        for effect in out.effects {
            let Effect::Emit(message) = effect else { continue };
            self.said_bytes += message.text.len();
            if self.said_bytes > TURN_SAID_BYTES_MAX {
                return Err(format!("a turn of a test case says at most {} MiB", TURN_SAID_BYTES_MAX >> 20));
            }
            self.said.push(message.text);
        }
        Ok(())
    }

    /// What the turn came to, held against what was expected of it; an error where the time was
    /// over before all of it was.
    fn judged(
        &mut self,
        turn: Option<&Turn>,
        began: Timestamp,
        room: &mut Room,
    ) -> (TurnReport, Result<(), String>) {
        let messages = std::mem::take(&mut self.said);
        self.said_bytes = 0;
        let said = messages.join("\n");
        let ms = millis(began, self.now);
        let (output, error) = match &self.state.at {
            At::Ended(Outcome::Completed { output }) => (Some(output), None),
            At::Ended(Outcome::Failed { error }) => (None, Some(error)),
            _ => (None, None),
        };
        let mut judged = Judged {
            plan: self.plan,
            state: &self.state,
            said: &said,
            ms,
            status: status(&self.state),
            output,
            readings: Readings::default(),
        };
        let expect = turn.map_or(&[][..], |turn| &turn.expect);
        let in_time: Vec<_> = expect
            .iter()
            .map_while(|assertion| (Instant::now() < self.end).then(|| assertion.judge(&mut judged)))
            .collect();
        let assertions = in_time.len();
        let mut failures: Vec<Failure> = in_time.into_iter().flatten().collect();
        if let Some(error) = error.filter(|_| !expect.iter().any(super::Assertion::is_of_status)) {
            let node = error.node.as_ref().map(|node| format!(" at {node}")).unwrap_or_default();
            failures.push(Failure {
                assertion: None,
                kind: "status".into(),
                expected: Json::Null,
                actual: "failed".into(),
                message: format!("the run failed{node}: {}", shown(&error.message)),
            });
        }
        let (said, whole) = room.take(&messages);
        let report = TurnReport {
            turn: turn.map(|turn| turn.id.clone()),
            said,
            cut: !whole,
            ms,
            assertions,
            failed: failures.len(),
            failures: room.take_failures(failures),
        };
        let all = if assertions == expect.len() { Ok(()) } else { Err(super::TIME_IS_OVER.to_owned()) };
        (report, all)
    }
}

fn status(state: &State) -> &'static str {
    match &state.at {
        At::Ended(outcome) => outcome.status(),
        At::Begin | At::Next(_) | At::Waiting(_) => "waiting",
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    // The clock of a case only goes forward.
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}
