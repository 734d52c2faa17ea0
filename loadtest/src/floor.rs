//! The least a server could do: hand every message on to the others of the room.
//!
//! No document, no storage, no checks, no access. One task a peer reads and writes; each
//! message is framed once, shared by the queues of all others, and what waits in a queue
//! goes out in one write. What any server costs above this is what it does for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Context, ensure};
use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};

use crate::wire::{Frames, Kind, put_header};

type Rooms = Arc<Mutex<HashMap<String, Arc<Room>>>>;

#[derive(Debug, Default)]
struct Room {
    peers: RwLock<Vec<Arc<Peer>>>,
}

#[derive(Debug, Default)]
struct Peer {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: Vec<Bytes>,
    bytes: usize,
}

/// More than this waiting for a peer: it is closed. It would never catch up.
const WAITING_BYTES_MAX: usize = 16 << 20;
const BUFFER_BYTES: usize = 64 << 10;
/// More than any request to upgrade has.
const REQUEST_BYTES_MAX: usize = 16 << 10;

thread_local! {
    /// What is being read, and what is being written.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Serves until it is dropped.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener) -> anyhow::Result<()> {
    let rooms = Rooms::default();
    let mut peers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("could not accept a connection")?;
                let rooms = Arc::clone(&rooms);
                // A peer that errs is gone; there is nobody to tell.
                peers.spawn(async move { drop(attend(stream, rooms).await) });
            }
            Some(_) = peers.join_next() => {}
        }
    }
}

async fn attend(mut stream: TcpStream, rooms: Rooms) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let (path, received) = upgrade(&mut stream).await?;
    let peer = Arc::new(Peer::default());
    let room = {
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = Arc::clone(rooms.entry(path.clone()).or_default());
        room.peers.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&peer));
        room
    };
    let ended = relay(&stream, received, &room, &peer).await;
    let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    let mut peers = room.peers.write().unwrap_or_else(PoisonError::into_inner);
    peers.retain(|other| !Arc::ptr_eq(other, &peer));
    if peers.is_empty() {
        rooms.remove(&path);
    }
    ended
}

async fn upgrade(stream: &mut TcpStream) -> anyhow::Result<(String, Vec<u8>)> {
    let mut received = Vec::with_capacity(512);
    loop {
        ensure!(stream.read_buf(&mut received).await? > 0, "gone before the upgrade");
        if let Some((len, request)) = Request::try_parse(&received)? {
            let mut answer = Vec::new();
            write_response(&mut answer, &create_response(&request)?)?;
            write_all(stream, &answer).await?;
            return Ok((request.uri().path().to_owned(), received.split_off(len)));
        }
        ensure!(received.len() < REQUEST_BYTES_MAX, "the request does not end");
    }
}

async fn relay(stream: &TcpStream, mut rest: Vec<u8>, room: &Room, peer: &Arc<Peer>) -> anyhow::Result<()> {
    let mut message = Vec::new();
    let mut open = rest.is_empty() || hear(&mut rest, &mut message, room, peer, None)?;
    while open {
        tokio::select! {
            () = peer.wake.notified() => peer.write(stream).await?,
            ready = stream.readable() => {
                ready?;
                open = hear(&mut rest, &mut message, room, peer, Some(stream))?;
            }
        }
    }
    Ok(())
}

/// Reads once, and hands on what is whole. Whether the peer is still there.
fn hear(
    rest: &mut Vec<u8>,
    message: &mut Vec<u8>,
    room: &Room,
    peer: &Arc<Peer>,
    stream: Option<&TcpStream>,
) -> anyhow::Result<bool> {
    READ.with_borrow_mut(|buffer| {
        let start = rest.len();
        if buffer.len() < start + BUFFER_BYTES {
            buffer.resize(start + BUFFER_BYTES, 0);
        }
        buffer[..start].copy_from_slice(rest);
        let read = match stream.map(|stream| stream.try_read(&mut buffer[start..])) {
            Some(Ok(0)) => return Ok(false),
            Some(Ok(read)) => read,
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Some(Err(error)) => return Err(error.into()),
            None => 0,
        };
        let mut frames = Frames::new(&buffer[..start + read]);
        let mut open = true;
        while let Some(frame) = frames.take()? {
            let begin = message.len();
            message.extend_from_slice(frame.payload);
            if let Some(mask) = frame.mask.filter(|mask| *mask != [0; 4]) {
                message[begin..].iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
            }
            match frame.kind {
                Kind::Message | Kind::Continued if frame.is_final => {
                    answer(message, room, peer);
                    message.clear();
                }
                Kind::Message | Kind::Continued => {}
                Kind::Ping => {
                    let mut pong = Vec::new();
                    put_header(&mut pong, 0x8a, message.len() - begin, false);
                    pong.extend_from_slice(&message[begin..]);
                    peer.put(pong.into());
                    message.truncate(begin);
                }
                Kind::Pong => message.truncate(begin),
                Kind::Close => open = false,
            }
        }
        let left = frames.rest();
        rest.clear();
        rest.extend_from_slice(left);
        Ok(open)
    })
}

/// Answers a message, or hands it on to the others.
fn answer(message: &[u8], room: &Room, peer: &Arc<Peer>) {
    match message {
        // Step 1. There is no document: step 2 is empty.
        [0, 0, ..] => peer.put(frame(&[0, 1, 2, 0, 0])),
        [0, 1, 2, 0, 0] => {}
        [0, 1 | 2, ..] | [1, ..] => {
            let frame = frame(message);
            let peers = room.peers.read().unwrap_or_else(PoisonError::into_inner);
            peers.iter().filter(|other| !Arc::ptr_eq(other, peer)).for_each(|other| other.put(frame.clone()));
        }
        // A barrier. What is stored nowhere is stored at once.
        [102, ..] => peer.put(frame(message)),
        _ => {}
    }
}

fn frame(message: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(message.len() + 10);
    put_header(&mut frame, 0x82, message.len(), false);
    frame.extend_from_slice(message);
    frame.into()
}

impl Peer {
    fn put(&self, frame: Bytes) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes += frame.len();
        if waiting.bytes <= WAITING_BYTES_MAX {
            waiting.frames.push(frame);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Everything that waits, in one write if the socket takes it.
    async fn write(&self, stream: &TcpStream) -> anyhow::Result<()> {
        let Waiting { frames, bytes } =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        ensure!(bytes <= WAITING_BYTES_MAX, "too slow");
        if let [frame] = &frames[..] {
            return Ok(write_all(stream, frame).await?);
        }
        let unsent = WRITTEN.with_borrow_mut(|written| {
            written.clear();
            frames.iter().for_each(|frame| written.extend_from_slice(frame));
            let sent = try_write(stream, written)?;
            Ok::<_, io::Error>(written[sent..].to_vec())
        })?;
        Ok(write_all(stream, &unsent).await?)
    }
}

/// Writes once; answers how much the socket took.
fn try_write(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}

async fn write_all(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        match try_write(stream, &bytes[sent..])? {
            0 => stream.writable().await?,
            more => sent += more,
        }
    }
    Ok(())
}
