//! Against servers on this machine, which the operator's list allows.

use std::sync::Mutex;

use flow_egress::SystemResolver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const SECRET: &str = "s3cr3t/+&=";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Says this to everybody, and then, perhaps, nothing more.
    async fn start(says: Vec<u8>, stays: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = Self { port, asked: asked.clone() };
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (says, asked) = (says.clone(), asked.clone());
                tokio::spawn(async move {
                    // Requests are small here, and come in one piece or, with a body, in two.
                    let mut read = String::new();
                    while !read.contains("\r\n\r\n") {
                        let mut part = [0; 8_192];
                        let length = socket.read(&mut part).await.unwrap();
                        read.push_str(&String::from_utf8_lossy(&part[..length]));
                        if length == 0 {
                            return;
                        }
                    }
                    asked.lock().unwrap().push(read);
                    // The caller may have gone, and that is what it is about.
                    if socket.write_all(&says).await.is_ok() && stays {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        server
    }

    async fn answering(says: &[u8]) -> Self {
        Self::start(says.to_vec(), false).await
    }

    fn call(&self) -> CallRequest {
        call(&format!("http://127.0.0.1:{}/x?q=1", self.port))
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn call(url: &str) -> CallRequest {
    CallRequest {
        visit: 1,
        attempt: 1,
        node: "call".to_owned(),
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: vec![],
        body: None,
        auth: CallAuth::None,
        timeout_ms: 10_000,
        idempotency_key: "key-of-the-visit".to_owned(),
        repeatable: true,
    }
}

/// Of one workspace.
#[derive(Debug)]
struct Kept(WorkspaceId);

#[async_trait]
impl Secrets for Kept {
    async fn secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        url: &str,
    ) -> Result<Secret<String>, NoSecret> {
        assert!(url.starts_with("http"), "it is told where the secret goes: {url}");
        match name {
            _ if workspace != self.0 => Err(NoSecret::Unknown),
            "token" => Ok(Secret::new(SECRET.to_owned())),
            "lines" => Ok(Secret::new(format!("{SECRET}\n"))),
            "elsewhere" => Err(NoSecret::OtherHost),
            "old" => Err(NoSecret::Unreadable),
            "away" => Err(NoSecret::Away("the database is away".into())),
            _ => Err(NoSecret::Unknown),
        }
    }
}

fn caller(allowed: &[&str], workspace: WorkspaceId) -> Caller {
    let allowed = allowed.iter().map(|host| host.parse().unwrap()).collect();
    let fetcher = Fetcher::new(Arc::new(SystemResolver), allowed, RESPONSE_BYTES_MAX);
    Caller::new(fetcher, Arc::new(Kept(workspace)))
}

async fn made(call: &CallRequest) -> Result<Response, CallError> {
    let workspace = WorkspaceId::generate();
    caller(&["127.0.0.1"], workspace).call(workspace, call).await
}

#[tokio::test]
async fn a_call_is_made_and_its_answer_is_text() {
    let server = Server::answering(
        b"HTTP/1.1 418 No\r\nX-Twice: 1\r\nX-TWICE: 2\r\nContent-Length: 10\r\n\r\n\xef\xbb\xbf{\"a\":\xff}",
    )
    .await;
    let mut call = server.call();
    call.method = "POST".to_owned();
    call.headers = vec![("X-Own".to_owned(), "a b".to_owned())];
    call.body = Some("content".to_owned());
    let response = made(&call).await.unwrap();
    assert_eq!((response.status, response.body.as_str()), (418, "{\"a\":\u{fffd}}"));
    assert_eq!(response.headers["x-twice"], "2");
    let asked = &server.asked()[0];
    assert!(
        asked.starts_with("POST /x?q=1 HTTP/1.1\r\nx-own: a b\r\nidempotency-key: key-of-the-visit\r\n"),
        "{asked}"
    );
    assert!(asked.contains("user-agent: Interflow/"), "{asked}");
}

#[tokio::test]
async fn every_attempt_is_the_same_call() {
    let server = Server::answering(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").await;
    for attempt in 1..=3 {
        assert_eq!(made(&CallRequest { attempt, ..server.call() }).await.unwrap().status, 503);
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 3, "a call is one request");
    assert!(asked.iter().all(|asked| asked.contains("idempotency-key: key-of-the-visit\r\n")));
    // Across redirects, too; and a flow's own is not replaced.
    let to = format!(
        "HTTP/1.1 307 To\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
        server.port
    );
    let first = Server::answering(to.as_bytes()).await;
    let headers = vec![("Idempotency-Key".to_owned(), "order-7".to_owned())];
    made(&first.call()).await.unwrap();
    made(&CallRequest { headers, ..first.call() }).await.unwrap();
    let asked = server.asked();
    assert!(asked[0].contains("idempotency-key: key-of-the-visit\r\n"));
    assert!(asked[1].contains("idempotency-key: order-7\r\n") && !asked[1].contains("key-of-the-visit"));
}

fn auths() -> [CallAuth; 4] {
    let secret = || "token".to_owned();
    [
        CallAuth::Basic { user: "ann".to_owned(), secret: secret() },
        CallAuth::Bearer { secret: secret() },
        CallAuth::Header { name: "X-Key".to_owned(), secret: secret() },
        CallAuth::Query { name: "key".to_owned(), secret: secret() },
    ]
}

#[tokio::test]
async fn a_call_says_who_makes_it() {
    let server = Server::answering(OK).await;
    let expected = [
        // "ann:s3cr3t/+&=" in base64.
        "authorization: Basic YW5uOnMzY3IzdC8rJj0=\r\n",
        "authorization: Bearer s3cr3t/+&=\r\n",
        "x-key: s3cr3t/+&=\r\n",
        "GET /x?q=1&key=s3cr3t%2F%2B%26%3D HTTP/1.1\r\n",
    ];
    for (auth, expected) in auths().into_iter().zip(expected) {
        // What the flow says of it besides is not sent.
        let headers =
            vec![("X-Key".to_owned(), "other".to_owned()), ("Authorization".to_owned(), "other".to_owned())];
        let headers = if matches!(auth, CallAuth::Query { .. }) { vec![] } else { headers };
        made(&CallRequest { auth, headers, ..server.call() }).await.unwrap();
        let asked = server.asked().remove(0);
        assert!(asked.contains(expected), "{asked}");
        assert_eq!(asked.matches("\r\nauthorization: ").count() + asked.matches("\r\nx-key: ").count(), {
            if expected.starts_with("GET") { 0 } else { 2 }
        });
    }
}

#[tokio::test]
async fn who_makes_it_is_not_told_to_another_origin() {
    let other = Server::answering(OK).await;
    for auth in auths() {
        let to = format!(
            "HTTP/1.1 302 To\r\nLocation: http://127.0.0.1:{}/?key=s3cr3t%2F%2B%26%3D\r\nContent-Length: 0\r\n\r\n",
            other.port
        );
        let first = Server::answering(to.as_bytes()).await;
        let is_query = matches!(auth, CallAuth::Query { .. });
        assert_eq!(made(&CallRequest { auth, ..first.call() }).await.unwrap().status, 200);
        let asked = other.asked().remove(0);
        assert!(!asked.contains("authorization") && !asked.contains("x-key"), "{asked}");
        assert_eq!(asked.contains("s3cr3t"), !is_query, "it was the service that said it: {asked}");
    }
}

#[tokio::test]
async fn each_failure_is_known_by_its_kind() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let large = Server::answering(&[head.clone(), vec![b'x'; RESPONSE_BYTES_MAX + 1]].concat()).await;
    let slow = Server::start(vec![], true).await;
    let half = Server::start([head, b"half".to_vec()].concat(), true).await;
    let broken = Server::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
    let metadata = Server::answering(
        b"HTTP/1.1 302 To\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let around = Server::answering(b"HTTP/1.1 302 To\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await;
    let astray =
        format!("HTTP/1.1 303 To\r\nLocation: http://127.0.0.1:{closed}/\r\nContent-Length: 0\r\n\r\n");
    let astray = Server::answering(astray.as_bytes()).await;
    let soon = |call| CallRequest { timeout_ms: 200, ..call };
    let auth = |auth| CallRequest { auth, ..large.call() };
    let header =
        |name: &str| CallRequest { headers: vec![(name.to_owned(), "x".to_owned())], ..large.call() };
    for (call, failure, message) in [
        (large.call(), CallFailure::TooLarge, "the answer has more than 10485760 bytes"),
        (soon(slow.call()), CallFailure::Timeout, "there was no whole answer in time"),
        (soon(half.call()), CallFailure::Timeout, "there was no whole answer in time"),
        (broken.call(), CallFailure::Broken, "the connection ended before there was a whole answer"),
        (
            call(&format!("http://127.0.0.1:{closed}/")),
            CallFailure::Unreachable,
            "the host could not be reached",
        ),
        (astray.call(), CallFailure::Broken, "the host that the answer redirects to could not be reached"),
        (call("http://127.0.0.2/"), CallFailure::Refused, "the host has no address that may be called"),
        (
            metadata.call(),
            CallFailure::Refused,
            "the service redirects to an address that must not be called",
        ),
        (around.call(), CallFailure::Refused, "the service redirects more than 5 times"),
        (call("ftp://127.0.0.1/"), CallFailure::Invalid, "the address has to begin with http:// or https://"),
        (call("nonsense"), CallFailure::Invalid, "this is no address of a web service"),
        (
            header("Metadata-Flavor"),
            CallFailure::Invalid,
            "the header \"Metadata-Flavor\" is for metadata services of clouds, and must not be sent",
        ),
        (
            header("Host"),
            CallFailure::Invalid,
            "the header \"Host\" is for the connection, and cannot be set",
        ),
        (
            auth(CallAuth::Bearer { secret: "other".to_owned() }),
            CallFailure::Invalid,
            "there is no secret \"other\"",
        ),
        (
            auth(CallAuth::Bearer { secret: "elsewhere".to_owned() }),
            CallFailure::Invalid,
            "the secret \"elsewhere\" may not be sent to this address",
        ),
        (
            auth(CallAuth::Query { name: "key".to_owned(), secret: "old".to_owned() }),
            CallFailure::Invalid,
            "the secret \"old\" cannot be read: it has to be set anew",
        ),
        (
            auth(CallAuth::Header { name: "X-Key".to_owned(), secret: "away".to_owned() }),
            CallFailure::Unreachable,
            "the secret \"away\" could not be asked for",
        ),
        (
            auth(CallAuth::Bearer { secret: "lines".to_owned() }),
            CallFailure::Invalid,
            "the header \"authorization\" has a value that cannot be sent",
        ),
        (
            auth(CallAuth::Basic { user: "a:b".to_owned(), secret: "token".to_owned() }),
            CallFailure::Invalid,
            "the name of basic authorization has a colon in it",
        ),
    ] {
        let error = made(&call).await.unwrap_err();
        assert_eq!((error.failure, error.message.as_str()), (failure, message), "{call:?}");
    }
    // By a name, of which nobody has said that it may be called.
    let here = WorkspaceId::generate();
    let near = caller(&[], here).call(here, &call(&format!("http://localhost:{}/", slow.port))).await;
    assert_eq!(near.unwrap_err().failure, CallFailure::Refused);
    assert_eq!(large.asked().len(), 1, "what cannot be sent is not");
    // The largest that is taken.
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {RESPONSE_BYTES_MAX}\r\n\r\n").into_bytes();
    let fits = Server::answering(&[head, vec![b'x'; RESPONSE_BYTES_MAX]].concat()).await;
    assert_eq!(made(&fits.call()).await.unwrap().body.len(), RESPONSE_BYTES_MAX);
}

/// Keeps what is said at any level, to look through it.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, said: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(said);
        Ok(said.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_are_not_said() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let broken = Server::answering(b"nonsense\r\n\r\n").await;
    let fine = Server::answering(OK).await;
    let mut said = format!("{:?}", caller(&[], WorkspaceId::generate()));
    let lines = CallAuth::Header { name: "X-Key".to_owned(), secret: "lines".to_owned() };
    for auth in auths().into_iter().chain([lines]) {
        for call in [
            call(&format!("http://127.0.0.1:{closed}/")),
            call("http://10.0.0.1/"),
            broken.call(),
            fine.call(),
        ] {
            let call = CallRequest { auth: auth.clone(), ..call };
            said += &format!("{:?}", made(&call).await);
        }
    }
    drop(guard);
    said += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("a call has failed"), "it is in the log");
    for secret in [SECRET, "s3cr3t", "YW5uOnMzY3IzdC8rJj0"] {
        assert!(!said.contains(secret), "{said}");
    }
}
