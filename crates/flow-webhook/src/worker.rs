use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flow_base::Clock;
use flow_egress::{Answer, Egress, EgressError, EgressOptions, HeaderMap, HeaderName, HeaderValue, Method};
use flow_store::{AttemptOutcome, Attempted, ClaimedDelivery, StoreError, WebhookStore};
use rand::RngExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{measures, sign, tries};

/// How a webhook is called. Who takes longer to answer is to answer first and work then.
pub const EGRESS: EgressOptions =
    EgressOptions { allow_private: false, within: Duration::from_secs(10), answer_bytes: 1_024 };
/// Deliveries under way at a time on this node.
const AT_ONCE: u32 = 16;
/// Longer than a request takes: then whoever had claimed it is gone.
const LEASE: Duration = Duration::from_secs(30);
/// When nothing was due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// When the store could not be asked.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// What is under way has so long when the server stops. What is not told then is told again
/// by another node, or by the next one.
const GRACE: Duration = Duration::from_secs(2);
/// A webhook to which nothing has come through for so long is disabled.
const DISABLE_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// Deliveries are shown for so long after they ended.
const SHOWN_FOR: Duration = Duration::from_secs(30 * 86_400);
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// At a time, so that each time is short.
const FORGOTTEN_AT_ONCE: u32 = 1_000;

/// Delivers what is due. One task of a node; several nodes share the work.
#[derive(Debug, Clone)]
pub struct Worker {
    store: Arc<dyn WebhookStore>,
    egress: Egress,
    clock: Arc<dyn Clock>,
}

impl Worker {
    pub fn new(store: Arc<dyn WebhookStore>, egress: Egress, clock: Arc<dyn Clock>) -> Self {
        Self { store, egress, clock }
    }

    /// Until `stopping`. While the store is away nothing is told, and nothing is lost.
    pub async fn run(self, stopping: CancellationToken) {
        let mut under_way = JoinSet::new();
        stopping.run_until_cancelled(self.work(&mut under_way)).await;
        let rest = async { while under_way.join_next().await.is_some() {} };
        if timeout(GRACE, rest).await.is_err() {
            tracing::info!("deliveries were still under way; they are made again");
        }
    }

    async fn work(&self, under_way: &mut JoinSet<()>) {
        let mut forgot: Option<Instant> = None;
        loop {
            while under_way.try_join_next().is_some() {}
            let free = AT_ONCE - u32::try_from(under_way.len()).unwrap_or(AT_ONCE).min(AT_ONCE);
            let claimed = match self.store.claim_deliveries(free, LEASE).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    complain("could not ask for deliveries", &error);
                    sleep(AGAIN_AFTER).await;
                    continue;
                }
            };
            let was_all = claimed.len() < free as usize;
            for claimed in claimed {
                let worker = self.clone();
                under_way.spawn(async move { worker.deliver(claimed).await });
            }
            if forgot.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
                forgot = Some(Instant::now());
                if let Err(error) = self.store.forget_deliveries(SHOWN_FOR, FORGOTTEN_AT_ONCE).await {
                    complain("could not forget old deliveries", &error);
                }
            }
            if was_all || under_way.len() >= AT_ONCE as usize {
                // With places taken, the first that is free is used.
                tokio::select! {
                    () = sleep(LOOK_EVERY) => {}
                    Some(_) = under_way.join_next(), if under_way.len() >= AT_ONCE as usize => {}
                }
            }
        }
    }

    async fn deliver(&self, claimed: ClaimedDelivery) {
        let began = Instant::now();
        let answer = self.send(&claimed).await;
        let came = judge(&claimed, answer);
        let outcome = match came.outcome {
            AttemptOutcome::Delivered => "delivered",
            AttemptOutcome::Failed { .. } => "failed",
        };
        measures::attempted(outcome, began.elapsed());
        tracing::debug!(webhook = %claimed.webhook, delivery = claimed.id, attempt = claimed.attempt, outcome);
        // Not noted, it is made again after its lease.
        if let Err(error) = self.store.finish_delivery(&claimed, &came).await {
            complain("could not note what came of a delivery", &error);
        }
    }

    async fn send(&self, claimed: &ClaimedDelivery) -> Result<Answer, EgressError> {
        let at = self.clock.now().as_second();
        let body = Bytes::from(claimed.body.clone());
        let values = [
            ("content-type", "application/json".to_owned()),
            ("interflow-event", claimed.event.clone()),
            ("interflow-event-id", claimed.event_id.to_string()),
            ("interflow-delivery", claimed.id.to_string()),
            ("interflow-signature", sign(&claimed.secret, at, &body)),
        ];
        let headers: HeaderMap = values
            .into_iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(&value).expect("names, numbers and hex fit a header");
                (HeaderName::from_static(name), value)
            })
            .collect();
        self.egress.send(Method::POST, &claimed.url, headers, body).await
    }
}

/// What came of it, and what follows.
fn judge(claimed: &ClaimedDelivery, answer: Result<Answer, EgressError>) -> Attempted {
    let (status, text) = match &answer {
        Ok(answer) => (Some(answer.status), Some(readable(&answer.body))),
        Err(_) => (None, None),
    };
    let error = match answer {
        Ok(Answer { status: 200..=299, .. }) => {
            return Attempted { status, answer: text, outcome: AttemptOutcome::Delivered };
        }
        Ok(Answer { status, .. }) => format!("it was answered with {status}"),
        Err(error) => error.to_string(),
    };
    let outcome = AttemptOutcome::Failed {
        error,
        retry_in: tries::retry_in(claimed.attempt, rand::rng().random()),
        pause: tries::pause(claimed.failures),
        disable_after: DISABLE_AFTER,
    };
    Attempted { status, answer: text, outcome }
}

/// As it can be shown, whatever it was.
fn readable(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().filter(|char| !char.is_control() || *char == '\n').collect()
}

fn complain(what: &'static str, error: &StoreError) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}

#[cfg(test)]
mod tests {
    use flow_base::{Secret, WebhookId};

    use super::*;

    fn claimed(attempt: u32) -> ClaimedDelivery {
        ClaimedDelivery {
            id: 1,
            webhook: WebhookId::generate(),
            url: String::new(),
            secret: Secret::new([7; 32]),
            event_id: WebhookId::generate().as_uuid(),
            event: "ping".to_owned(),
            body: String::new(),
            attempt,
            failures: 0,
        }
    }

    fn answer(status: u16) -> Result<Answer, EgressError> {
        Ok(Answer { status, body: Bytes::from_static(b"so\x00\xff") })
    }

    #[test]
    fn only_a_success_is_one() {
        for status in [200, 204, 299] {
            let came = judge(&claimed(1), answer(status));
            assert!(matches!(came.outcome, AttemptOutcome::Delivered), "{status}");
            assert_eq!(came.answer.as_deref(), Some("so\u{fffd}"));
        }
        for status in [100, 199, 301, 400, 404, 410, 500] {
            let came = judge(&claimed(1), answer(status));
            let AttemptOutcome::Failed { error, retry_in, .. } = came.outcome else { panic!("{status}") };
            assert_eq!((came.status, error), (Some(status), format!("it was answered with {status}")));
            assert!(retry_in.is_some());
        }
        let came = judge(&claimed(1), Err(EgressError::NotPublic));
        let AttemptOutcome::Failed { error, .. } = came.outcome else { panic!("it failed") };
        assert_eq!((came.status, error.as_str()), (None, "the name has no address that may be called"));
    }

    #[test]
    fn after_the_last_attempt_it_is_given_up() {
        let came = judge(&claimed(10), answer(500));
        assert!(matches!(came.outcome, AttemptOutcome::Failed { retry_in: None, .. }));
    }
}
