//! Files on their way in.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use flow_base::UserId;
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::ApiError;

/// Files that are received at a time on this node. Each is in memory; one more is answered
/// with 429.
const AT_ONCE: usize = 16;
/// And of one person, so that nobody takes all places.
const AT_ONCE_OF_ONE: usize = 4;
/// Somebody who sends nothing for so long sends no more.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// Nor does who has not sent all of it by then: half a megabit a second is enough for most.
const WHOLE_WITHIN: Duration = Duration::from_secs(300);
/// Of what is not wanted so much is thrown away: a client that still sends hears no answer.
const DISCARDED_BYTES: u64 = 64 << 20;
const DISCARDED_WITHIN: Duration = Duration::from_secs(20);

static RECEIVING: Semaphore = Semaphore::const_new(AT_ONCE);
static SENDERS: LazyLock<Mutex<HashMap<UserId, usize>>> = LazyLock::new(Mutex::default);

/// Leave to send a file. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Turn {
    sender: UserId,
    _permit: SemaphorePermit<'static>,
}

impl Turn {
    /// `None` while this person sends as many as one may, or all do.
    pub(super) fn take(sender: UserId) -> Option<Self> {
        let permit = RECEIVING.try_acquire().ok()?;
        let mut senders = senders();
        let sends = senders.entry(sender).or_default();
        if *sends == AT_ONCE_OF_ONE {
            return None;
        }
        *sends += 1;
        Some(Self { sender, _permit: permit })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut senders = senders();
        if let Some(sends) = senders.get_mut(&self.sender) {
            *sends -= 1;
            if *sends == 0 {
                senders.remove(&self.sender);
            }
        }
    }
}

fn senders() -> MutexGuard<'static, HashMap<UserId, usize>> {
    // A count is whole whoever panicked beside it.
    SENDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The whole body, if it is not larger than it may be.
///
/// # Errors
/// [`ApiError::FileTooLarge`]; [`ApiError::Body`] where it is empty, breaks off or is too slow.
pub(super) async fn receive(body: Body, headers: &HeaderMap, most: u64) -> Result<Bytes, ApiError> {
    let said =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|said| said > most) {
        discard(body).await;
        return Err(ApiError::FileTooLarge(most));
    }
    let until = Instant::now() + WHOLE_WITHIN;
    let (mut stream, mut whole) = (body.into_data_stream(), BytesMut::new());
    while let Some(part) = next(&mut stream, until).await? {
        if (whole.len() + part.len()) as u64 > most {
            throw_away(stream).await;
            return Err(ApiError::FileTooLarge(most));
        }
        whole.extend_from_slice(&part);
    }
    if whole.is_empty() {
        return Err(ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, "the file is empty"));
    }
    Ok(whole.freeze())
}

async fn next(stream: &mut BodyDataStream, until: Instant) -> Result<Option<Bytes>, ApiError> {
    let within = until.min(Instant::now() + SILENT_FOR);
    match timeout_at(within, stream.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(part))) => Ok(Some(part)),
        Ok(Some(Err(_))) => Err(ApiError::body(StatusCode::BAD_REQUEST, "the file broke off")),
        Err(_) => Err(ApiError::body(StatusCode::REQUEST_TIMEOUT, "the file comes too slowly")),
    }
}

/// Reads what is not wanted, for as long as that is not too much.
pub(super) async fn discard(body: Body) {
    throw_away(body.into_data_stream()).await;
}

async fn throw_away(mut stream: BodyDataStream) {
    let reading = async {
        let mut bytes = 0;
        while let Some(Ok(part)) = stream.next().await {
            bytes += part.len() as u64;
            if bytes > DISCARDED_BYTES {
                return;
            }
        }
    };
    // Whoever sends on is cut.
    if timeout(DISCARDED_WITHIN, reading).await.is_err() {
        tracing::debug!("what is not wanted of a file was not sent in time");
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    fn in_parts(parts: &[usize]) -> Body {
        let parts: Vec<_> = parts.iter().map(|length| Ok::<_, Infallible>(vec![b'x'; *length])).collect();
        Body::from_stream(stream::iter(parts))
    }

    async fn length(body: Body, most: u64) -> Result<usize, &'static str> {
        let received = receive(body, &HeaderMap::new(), most).await;
        received.map(|bytes| bytes.len()).map_err(|error| error.code())
    }

    #[tokio::test]
    async fn a_file_may_be_so_large_however_it_comes() {
        assert_eq!(length(in_parts(&[4, 6]), 10).await, Ok(10));
        assert_eq!(length(in_parts(&[4, 6, 1]), 10).await, Err("file_too_large"));
        assert_eq!(length(in_parts(&[]), 10).await, Err("malformed_body"));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, "11".parse().unwrap());
        let refused = receive(in_parts(&[1]), &headers, 10).await;
        assert!(matches!(refused, Err(ApiError::FileTooLarge(10))), "{refused:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_nothing_is_not_waited_for() {
        let sent = stream::iter([Ok::<_, Infallible>(vec![1])]).chain(stream::pending());
        let refused = receive(Body::from_stream(sent), &HeaderMap::new(), 10).await;
        let Err(ApiError::Body { status, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        discard(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())).await;
    }

    #[test]
    fn nobody_takes_all_places() {
        let (ann, ben) = (UserId::generate(), UserId::generate());
        let mut anns: Vec<_> = (0..AT_ONCE).filter_map(|_| Turn::take(ann)).collect();
        assert_eq!(anns.len(), AT_ONCE_OF_ONE);
        assert!(Turn::take(ben).is_some());
        anns.pop();
        assert!(Turn::take(ann).is_some(), "it was given back");
    }
}
