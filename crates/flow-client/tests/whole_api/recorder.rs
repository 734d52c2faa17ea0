//! A server that notes what it is asked and knows no answer but one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeSet<String>,
    pub(crate) headers: BTreeSet<String>,
    pub(crate) body: Value,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::default();
        let recorder = Self { url, asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, Arc::clone(&asked)));
            }
        });
        recorder
    }

    /// What it was asked since it was looked at last.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn answer(mut socket: TcpStream, asked: Arc<Mutex<Vec<Asked>>>) {
    let (mut text, mut bytes) = (String::new(), [0; 4_096]);
    let request = loop {
        let Ok(read @ 1..) = socket.read(&mut bytes).await else { return };
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        if let Some(request) = parse(&text) {
            break request;
        }
    };
    // Streams are asked for again and again by who is not refused.
    let status = if request.path.ends_with("/stream") { "404 Not Found" } else { "200 OK" };
    asked.lock().unwrap().push(request);
    let id = "01890000-0000-7000-8000-000000000000";
    let at = "2026-01-01T00:00:00Z";
    let user = json!({ "id": id, "email": "ann@example.org", "name": "Ann", "workspaceId": id,
        "createdAt": at, "installationOwner": false });
    let body = json!({ "token": "t", "refreshToken": "r", "user": user }).to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // Who has gone meanwhile has no use for it.
    drop(socket.write_all((head + &body).as_bytes()).await);
}

/// `None`: there is more to come.
fn parse(text: &str) -> Option<Asked> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if body.len() < length.map_or(0, |(_, length)| length.parse().unwrap()) {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let names = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name);
    Some(Asked {
        method,
        path: path.to_owned(),
        query: names.map(str::to_lowercase).collect(),
        headers: headers.iter().map(|(name, _)| name.to_lowercase()).collect(),
        body: if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() },
    })
}
