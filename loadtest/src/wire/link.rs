//! One upgraded connection: sending without waiting, and receiving without a copy.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail, ensure};
use tokio::net::TcpStream;

use super::{Frames, Heard, Kind, heard, put_frame, put_header};
use crate::clock::Clock;

/// The sending half. May be used from any thread.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    unsent: Mutex<Vec<u8>>,
}

/// What a peer makes of what it hears.
pub trait Receiver: Send {
    /// A message has come, at `now`.
    ///
    /// # Errors
    /// Ends the run.
    fn hear(&mut self, heard: Heard<'_>, now: u64, link: &Link) -> anyhow::Result<()>;

    /// All that came with one read has been heard.
    fn pause(&mut self, _now: u64) {}
}

/// The server has closed the connection.
#[derive(Debug, thiserror::Error)]
#[error("the server closed the connection: {}", .code.map_or_else(|| "without a word".to_owned(), |code| format!("{code} {reason}")))]
pub struct Closed {
    pub code: Option<u16>,
    pub reason: String,
}

/// Shared by all connections of a thread: ten thousand of their own would fill the
/// caches and measure nothing but that.
const BUFFER_BYTES: usize = 256 << 10;
/// A frame above this is gathered where it stays, not in the shared buffer.
const LARGE_BYTES: usize = 32 << 10;
/// A frame above this is not believed.
const FRAME_BYTES_MAX: usize = 1 << 30;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

impl Link {
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, unsent: Mutex::default() }
    }

    /// Sends frames, or keeps what the socket does not take for later. Never waits.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&self, frames: &[u8]) -> io::Result<()> {
        let mut unsent = self.unsent();
        if unsent.is_empty() {
            let sent = write(&self.stream, frames)?;
            unsent.extend_from_slice(&frames[sent..]);
            return Ok(());
        }
        unsent.extend_from_slice(frames);
        let sent = write(&self.stream, &unsent)?;
        unsent.drain(..sent);
        Ok(())
    }

    /// Waits until everything is sent. Cancel safe.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn flush(&self) -> io::Result<()> {
        loop {
            {
                let mut unsent = self.unsent();
                let sent = write(&self.stream, &unsent)?;
                unsent.drain(..sent);
                if unsent.is_empty() {
                    return Ok(());
                }
            }
            self.stream.writable().await?;
        }
    }

    /// Whether the socket has not taken everything.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.unsent().is_empty()
    }

    fn unsent(&self) -> MutexGuard<'_, Vec<u8>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes until the socket takes no more; answers how much it took.
fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.try_write(&bytes[sent..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => sent += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

/// What one connection keeps between two reads. Empty most of the time.
#[derive(Debug, Default)]
struct Partial {
    /// The start of a frame.
    frame: Vec<u8>,
    /// Bytes that frame has in all, where that is known.
    wanted: usize,
    /// The frames of a message so far.
    message: Option<Vec<u8>>,
}

/// Reads messages for ever, and answers what every client answers: pings, and the
/// server's step 1.
///
/// # Errors
/// [`Closed`] when the server ends the connection, or what the receiver says.
pub(crate) async fn receive(
    link: &Link,
    received: Vec<u8>,
    clock: Clock,
    receiver: &mut impl Receiver,
) -> anyhow::Result<()> {
    let mut partial = Partial::default();
    if !received.is_empty() {
        partial.take(&received, link, clock.now(), receiver)?;
    }
    drop(received);
    loop {
        link.stream.readable().await.context("a connection broke")?;
        while partial.read(link, clock, receiver)? {}
        if link.is_behind() {
            link.flush().await.context("a connection broke")?;
        }
    }
}

impl Partial {
    /// Reads once. Whether there may be more.
    fn read(&mut self, link: &Link, clock: Clock, receiver: &mut impl Receiver) -> anyhow::Result<bool> {
        if self.wanted > LARGE_BYTES {
            return self.read_large(link, clock, receiver);
        }
        BUFFER.with_borrow_mut(|buffer| {
            let start = self.frame.len();
            buffer[..start].copy_from_slice(&self.frame);
            self.frame.clear();
            let read = match link.stream.try_read(&mut buffer[start..]) {
                Ok(0) => return Err(Closed { code: None, reason: String::new() }.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.frame.extend_from_slice(&buffer[..start]);
                    return Ok(false);
                }
                Err(error) => return Err(error).context("a connection broke"),
            };
            let end = start + read;
            self.take(&buffer[..end], link, clock.now(), receiver)?;
            // A read that did not fill the buffer has emptied the socket: the next
            // one would only be told so.
            Ok(end == buffer.len())
        })
    }

    fn read_large(
        &mut self,
        link: &Link,
        clock: Clock,
        receiver: &mut impl Receiver,
    ) -> anyhow::Result<bool> {
        ensure!(self.wanted <= FRAME_BYTES_MAX, "a frame of {} bytes is announced", self.wanted);
        self.frame.reserve(self.wanted - self.frame.len());
        match link.stream.try_read_buf(&mut self.frame) {
            Ok(0) => return Err(Closed { code: None, reason: String::new() }.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("a connection broke"),
        }
        if self.frame.len() >= self.wanted {
            let received = std::mem::take(&mut self.frame);
            self.take(&received, link, clock.now(), receiver)?;
        }
        Ok(true)
    }

    /// Hears all whole messages, and keeps the rest.
    fn take(
        &mut self,
        received: &[u8],
        link: &Link,
        now: u64,
        receiver: &mut impl Receiver,
    ) -> anyhow::Result<()> {
        let mut frames = Frames::new(received);
        while let Some(frame) = frames.take()? {
            match frame.kind {
                Kind::Message if frame.is_final => hear(frame.payload, now, link, receiver)?,
                Kind::Message => self.message = Some(frame.payload.to_vec()),
                Kind::Continued => {
                    let message = self.message.as_mut().context("a frame continues no message")?;
                    message.extend_from_slice(frame.payload);
                    if frame.is_final {
                        let message = self.message.take().unwrap_or_default();
                        hear(&message, now, link, receiver)?;
                    }
                }
                Kind::Ping => {
                    let mut pong = Vec::new();
                    put_header(&mut pong, 0x8a, frame.payload.len(), true);
                    pong.extend_from_slice(frame.payload);
                    link.send(&pong).context("a connection broke")?;
                }
                Kind::Pong => {}
                Kind::Close => return Err(closed(frame.payload).into()),
            }
        }
        receiver.pause(now);
        self.frame.clear();
        self.frame.extend_from_slice(frames.rest());
        self.wanted = frames.wanted();
        Ok(())
    }
}

/// Most servers send one message a frame, some several.
fn hear(mut bytes: &[u8], now: u64, link: &Link, receiver: &mut impl Receiver) -> anyhow::Result<()> {
    while !bytes.is_empty() {
        let (message, rest) = heard(bytes)?;
        match message {
            Heard::Step1 => {
                // "I have nothing that you lack", as a stock client says it.
                let mut answer = Vec::new();
                put_frame(&mut answer, &[0, 1, 2, 0, 0]);
                link.send(&answer).context("a connection broke")?;
            }
            Heard::Denied(reason) => bail!("the server refused something: {reason}"),
            other => receiver.hear(other, now, link)?,
        }
        bytes = rest;
    }
    Ok(())
}

fn closed(payload: &[u8]) -> Closed {
    match payload {
        [high, low, reason @ ..] => Closed {
            code: Some(u16::from_be_bytes([*high, *low])),
            reason: String::from_utf8_lossy(reason).into_owned(),
        },
        _ => Closed { code: None, reason: String::new() },
    }
}
