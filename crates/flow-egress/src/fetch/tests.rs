//! Against servers on this machine, which the operator's list allows.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::*;
use crate::SystemResolver;

const LIMIT: usize = 100_000;
const WITHIN: Duration = Duration::from_secs(10);

/// What one part of an answer is.
#[derive(Debug, Clone)]
enum Say {
    Text(String),
    /// So many bytes.
    Bytes(usize),
    Wait(Duration),
    /// One byte each 20 ms, for ever.
    Drip,
    /// Nothing more, and the connection stays.
    Silence,
}

struct Server {
    port: u16,
    asked: mpsc::UnboundedReceiver<String>,
}

impl Server {
    /// Says this to everybody. `{port}` is its own.
    async fn start(says: &[Say]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, asked) = mpsc::unbounded_channel();
        let says = says.to_vec();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, port, says.clone(), tell.clone()));
            }
        });
        Self { port, asked }
    }

    async fn answering(text: &str) -> Self {
        Self::start(&[Say::Text(text.to_owned())]).await
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    fn asked(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.asked.try_recv().ok()).collect()
    }
}

/// Whoever asks may go away at any moment, which is what some tests are about.
async fn answer(
    mut socket: TcpStream,
    port: u16,
    says: Vec<Say>,
    tell: mpsc::UnboundedSender<String>,
) -> io::Result<()> {
    let mut asked = String::new();
    loop {
        let whole = asked.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            body.len() >= length.map_or(0, |length| length.parse().unwrap())
        });
        if whole {
            break;
        }
        let mut part = [0; 4_096];
        match socket.read(&mut part).await? {
            0 => return Ok(()),
            read => asked.push_str(&String::from_utf8_lossy(&part[..read])),
        }
    }
    assert!(tell.send(asked).is_ok(), "the test listens");
    for say in says {
        match say {
            Say::Text(text) => socket.write_all(text.replace("{port}", &port.to_string()).as_bytes()).await?,
            Say::Bytes(count) => socket.write_all(&vec![b'x'; count]).await?,
            Say::Wait(time) => sleep(time).await,
            Say::Drip => loop {
                socket.write_all(b"x").await?;
                sleep(Duration::from_millis(20)).await;
            },
            Say::Silence => std::future::pending().await,
        }
    }
    Ok(())
}

fn fetcher(allowed: &[&str]) -> Fetcher {
    let allowed = allowed.iter().map(|host| host.parse().unwrap()).collect();
    Fetcher::new(Arc::new(SystemResolver), allowed, LIMIT)
}

fn get(url: &str) -> Request {
    Request::new("GET", url, WITHIN).unwrap()
}

async fn fetch(request: Request) -> Result<Response, FetchError> {
    fetcher(&["127.0.0.1"]).fetch(request).await
}

/// Answers in turn; the last answer stays.
#[derive(Debug)]
struct Names(Mutex<VecDeque<Vec<IpAddr>>>);

impl Names {
    fn fetcher(answers: &[&[&str]], allowed: &[&str]) -> Fetcher {
        let parse = |addresses: &&[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        let names = Self(Mutex::new(answers.iter().map(parse).collect()));
        let allowed = allowed.iter().map(|host| host.parse().unwrap()).collect();
        Fetcher::new(Arc::new(names), allowed, LIMIT)
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if name == "nowhere.example" {
            return Err(io::Error::other("there is no such name"));
        }
        let mut answers = self.0.lock().unwrap();
        Ok(if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() })
    }
}

#[tokio::test]
async fn a_request_goes_out_as_it_was_made_and_its_answer_comes_back() {
    let mut server =
        Server::answering("HTTP/1.1 201 Created\r\nX-One: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 5\r\n\r\nhello").await;
    let request = Request::new("PATCH", &format!("{}a%20b?c=d#e", server.url()), WITHIN).unwrap();
    let request = request.header("X-Two", "2").unwrap().header("X-Two", "zwölf").unwrap().body("{}");
    let response = fetch(request).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (201, &b"hello"[..]));
    assert_eq!(response.headers["x-one"], "1");
    assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
    let asked = &server.asked()[0];
    assert!(asked.starts_with("PATCH /a%20b?c=d HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("x-two: 2\r\nx-two: zwölf\r\n") && asked.ends_with("\r\n\r\n{}"), "{asked}");
}

#[tokio::test]
async fn the_largest_answer_is_taken_and_a_larger_one_is_not() {
    let told = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let untold = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    for (head, length, is_taken) in [
        (told(LIMIT), LIMIT, true),
        (told(LIMIT + 1), LIMIT + 1, false),
        (untold.clone(), LIMIT, true),
        (untold.clone(), LIMIT + 1, false),
    ] {
        let server = Server::start(&[Say::Text(head), Say::Bytes(length)]).await;
        match fetch(get(&server.url())).await {
            Ok(response) => assert!(is_taken && response.body.len() == LIMIT),
            Err(error) => assert!(!is_taken && matches!(error, FetchError::TooLarge(LIMIT)), "{error}"),
        }
    }
    // One that says so is not waited for.
    let server = Server::start(&[Say::Text(told(LIMIT + 1)), Say::Silence]).await;
    let fetched = timeout(WITHIN / 2, fetch(get(&server.url()))).await.unwrap();
    assert!(matches!(fetched, Err(FetchError::TooLarge(LIMIT))), "{fetched:?}");
    // Reading is ended, though the answer never is.
    let server = Server::start(&[Say::Text(untold), Say::Bytes(LIMIT + 1), Say::Silence]).await;
    let fetched = timeout(WITHIN / 2, fetch(get(&server.url()))).await.unwrap();
    assert!(matches!(fetched, Err(FetchError::TooLarge(LIMIT))), "{fetched:?}");
    // Of an answer without a body the length is that of another.
    let server = Server::answering(&told(LIMIT + 1)).await;
    let response = fetch(Request::new("HEAD", &server.url(), WITHIN).unwrap()).await.unwrap();
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn whoever_is_slow_is_given_up_at_any_point() {
    let head = Say::Text("HTTP/1.1 200 OK\r\n\r\n".to_owned());
    let half = Say::Text("HTTP/1.1 200 OK\r\nX-".to_owned());
    for says in [&[Say::Silence][..], &[half, Say::Drip], &[head.clone(), Say::Drip], &[head, Say::Silence]] {
        let server = Server::start(says).await;
        let request = Request::new("GET", &server.url(), Duration::from_millis(300)).unwrap();
        let fetched = timeout(WITHIN, fetch(request)).await.unwrap();
        assert!(matches!(fetched, Err(FetchError::Late)), "{says:?}: {fetched:?}");
    }
    // A redirect does not begin it anew.
    let redirect = Say::Text("HTTP/1.1 307 To\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_owned());
    let server = Server::start(&[Say::Wait(Duration::from_millis(200)), redirect]).await;
    let request = Request::new("GET", &server.url(), Duration::from_millis(500)).unwrap();
    let fetched = timeout(WITHIN, fetch(request)).await.unwrap();
    assert!(matches!(fetched, Err(FetchError::Late)), "{fetched:?}");
}

#[tokio::test]
async fn whether_it_was_sent_is_known() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let fetched = fetch(get(&format!("http://127.0.0.1:{closed}/"))).await;
    assert!(matches!(fetched, Err(FetchError::Unreachable(Some(_)))), "{fetched:?}");
    let fetched = Names::fetcher(&[&[]], &[]).fetch(get("http://nowhere.example/")).await;
    assert!(matches!(fetched, Err(FetchError::Unreachable(Some(_)))), "{fetched:?}");
    let fetched = Names::fetcher(&[&[]], &[]).fetch(get("http://empty.example/")).await;
    assert!(matches!(fetched, Err(FetchError::Unreachable(None))), "{fetched:?}");
    // One that speaks no TLS, or says nothing while TLS begins, was told nothing.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    let hang_up =
        async { plain.accept().await.unwrap().0.write_all(b"HTTP/1.1 400 No\r\n\r\n").await.unwrap() };
    let (fetched, ()) = tokio::join!(fetch(get(&url)), hang_up);
    assert!(matches!(fetched, Err(FetchError::Unreachable(Some(_)))), "{fetched:?}");
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", mute.local_addr().unwrap());
    let late = fetch(Request::new("POST", &url, Duration::from_millis(300)).unwrap()).await;
    assert!(matches!(late, Err(FetchError::Unreachable(None))), "{late:?}");
    // These were.
    for says in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "nonsense\r\n\r\n"] {
        let mut server = Server::answering(says).await;
        let fetched = fetch(get(&server.url())).await;
        assert!(matches!(fetched, Err(FetchError::Broken(_))), "{says:?}: {fetched:?}");
        assert_eq!(server.asked().len(), 1, "it is not sent again");
    }
    // What was sent before a redirect was sent.
    let to = format!("HTTP/1.1 303 To\r\nLocation: http://127.0.0.1:{closed}/\r\nContent-Length: 0\r\n\r\n");
    let server = Server::answering(&to).await;
    let fetched = fetch(Request::new("POST", &server.url(), WITHIN).unwrap()).await;
    assert!(matches!(fetched, Err(FetchError::Astray(Some(_)))), "{fetched:?}");
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let mut server =
        Server::answering("HTTP/1.1 302 To\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n").await;
    let error = fetch(get(&server.url())).await.unwrap_err();
    assert_eq!(error.to_string(), "the service redirects more than 5 times");
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn a_redirect_is_followed_to_its_end() {
    let mut end = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend").await;
    for (status, expected) in [(302, "GET /x HTTP/1.1"), (307, "POST /x HTTP/1.1")] {
        let to = format!("HTTP/1.1 {status} To\r\nLocation: {}x\r\nContent-Length: 0\r\n\r\n", end.url());
        let mut first = Server::answering(&to).await;
        let request = Request::new("POST", &first.url(), WITHIN).unwrap().body("content");
        let request = request.secret_header("Authorization", "Bearer s3cret").unwrap();
        let response = fetch(request).await.unwrap();
        assert_eq!(&response.body[..], b"end");
        assert!(first.asked()[0].contains("authorization: Bearer s3cret"));
        let asked = end.asked().remove(0);
        assert!(asked.starts_with(expected) && !asked.contains("s3cret"), "{asked}");
        assert_eq!(asked.ends_with("content"), status == 307);
    }
    // Without a place to go it is an answer.
    let server = Server::answering("HTTP/1.1 302 To\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(fetch(get(&server.url())).await.unwrap().status, 302);
}

#[tokio::test]
async fn redirects_to_what_is_near_are_refused() {
    let near = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for to in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        format!("http://[::1]:{}/", near.port),
        format!("http://localhost:{}/", near.port),
        format!("http://127.0.0.2:{}/", near.port),
        "file:///etc/passwd".to_owned(),
    ] {
        let answer = format!("HTTP/1.1 307 To\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        let server = Server::answering(&answer).await;
        // This one only: its port tells it from the other.
        let only = format!("127.0.0.1:{}", server.port);
        let error = fetcher(&[&only]).fetch(get(&server.url())).await.unwrap_err();
        assert!(matches!(error, FetchError::Refused(_)), "{to}: {error:?}");
        assert_eq!(error.to_string(), "the service redirects to an address that must not be called");
    }
}

#[tokio::test]
async fn nobody_near_is_called_by_whatever_notation() {
    let mut server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
        "0",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::]",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
    ] {
        let fetched = fetcher(&[]).fetch(get(&format!("http://{host}:{}/", server.port))).await;
        assert!(matches!(fetched, Err(FetchError::Refused(_))), "{host}: {fetched:?}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn names_are_judged_by_where_they_lead() {
    for addresses in
        [&["10.0.0.1"][..], &["::1"], &["127.0.0.1", "fd00::1"], &["::ffff:10.0.0.1"], &["169.254.169.254"]]
    {
        let fetched = Names::fetcher(&[addresses], &[]).fetch(get("http://name.example/")).await;
        assert!(matches!(fetched, Err(FetchError::Refused(_))), "{addresses:?}: {fetched:?}");
    }
    let mut server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let url = format!("http://name.example:{}/", server.port);
    // Of several addresses the one that may be called is.
    let fetched = Names::fetcher(&[&["10.0.0.1", "127.0.0.1"]], &["127.0.0.0/8"]).fetch(get(&url)).await;
    assert_eq!(fetched.unwrap().status, 200);
    assert_eq!(
        Names::fetcher(&[&["127.0.0.1"]], &["name.example"]).fetch(get(&url)).await.unwrap().status,
        200
    );
    let other = ["name.example:1", "example", "other.example"];
    let fetched = Names::fetcher(&[&["127.0.0.1"]], &other).fetch(get(&url)).await;
    assert!(matches!(fetched, Err(FetchError::Refused(_))), "{fetched:?}");
    assert_eq!(server.asked().len(), 2);
}

/// A name that leads to an address that may be called, and, asked again, to one that may not.
#[tokio::test]
async fn a_name_is_looked_up_once_for_each_connection() {
    let mut server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let other = TcpListener::bind(("127.0.0.2", server.port)).await.unwrap();
    let url = format!("http://name.example:{}/", server.port);
    let fetcher = Names::fetcher(&[&["127.0.0.1"], &["127.0.0.2"]], &["127.0.0.1"]);
    assert_eq!(fetcher.fetch(get(&url)).await.unwrap().status, 200);
    let fetched = fetcher.fetch(get(&url)).await;
    assert!(matches!(fetched, Err(FetchError::Refused(_))), "{fetched:?}");
    assert_eq!(server.asked().len(), 1);
    // By way of a redirect to itself, too.
    let server = Server::answering("HTTP/1.1 302 To\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await;
    let url = format!("http://name.example:{}/", server.port);
    let fetcher = Names::fetcher(&[&["127.0.0.1"], &["127.0.0.2"]], &["127.0.0.1"]);
    let error = fetcher.fetch(get(&url)).await.unwrap_err();
    assert_eq!(error.to_string(), "the service redirects to an address that must not be called");
    assert!(timeout(Duration::from_millis(50), other.accept()).await.is_err(), "nobody has called there");
}

#[tokio::test]
async fn many_at_once_do_not_mix_their_targets() {
    let one = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none").await;
    let two = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo").await;
    let fetcher = fetcher(&["127.0.0.1"]);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (server, expected) = if number % 2 == 0 { (&one, "one") } else { (&two, "two") };
        let (fetcher, request) = (fetcher.clone(), get(&server.url()));
        tasks.spawn(async move { (fetcher.fetch(request).await.unwrap().body, expected) });
    }
    for (body, expected) in tasks.join_all().await {
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn errors_hold_no_address() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let broken = Server::answering("nonsense\r\n\r\n").await;
    for url in [format!("http://127.0.0.1:{closed}/"), broken.url()] {
        let request = get(&url).secret_query("key", "s3cret").unwrap();
        let error = fetch(request).await.unwrap_err();
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        assert!(!error.to_string().contains("127"), "{error}");
    }
}
