//! Sockets of which the other side does not do its part, on a clock that is wound by hand.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use flow_auth::{Sealing, TokenKeys};
use flow_base::{Clock, NodeId, Secret, SessionId, SystemClock, UserId, WorkspaceId};
use flow_cluster::{CacheLimits, MemoryCache, MemoryRelay};
use flow_executor::machine::{CallError, CallFailure, CallRequest, Response};
use flow_executor::runner::{Calls, RunLimits, Runs, RunsParts};
use flow_room::{LogWriter, Registry, RegistryParts, RoomLimits};
use flow_store::memory::MemoryStore;
use flow_store::{
    AccountStore as _, FlowStore as _, LogStore, NewFlow, NewSession, NewUser, Origin, Quotas, RunStore,
    Store,
};
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio_tungstenite::tungstenite::protocol;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::app::tests::LIMITS;
use crate::app::{AppParts, Registration};
use crate::sync::Socket as Seat;
use crate::vault::Vault;

/// Of what is on its way between the two. A few frames.
const ON_THE_WAY: usize = 1_024;

#[derive(Debug)]
struct NoCalls;

#[async_trait::async_trait]
impl Calls for NoCalls {
    async fn call(&self, _: WorkspaceId, _: &CallRequest) -> Result<Response, CallError> {
        Err(CallError { failure: CallFailure::Unreachable, message: "nobody is called here".into() })
    }
}

fn app(store: &Arc<MemoryStore>) -> App {
    let key = Secret::new(vec![7; 32]);
    let (tracker, stopping) = (TaskTracker::new(), CancellationToken::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shared = Arc::clone(store) as Arc<dyn Store>;
    let rooms = Registry::new(RegistryParts {
        store: Arc::clone(&shared),
        writer: LogWriter::start(Arc::clone(store) as Arc<dyn LogStore>, &tracker),
        relay: Arc::new(MemoryRelay::new()),
        cache: Arc::new(MemoryCache::new(CacheLimits::default(), Arc::clone(&clock))),
        clock: Arc::clone(&clock),
        limits: RoomLimits::default(),
        tracker: tracker.clone(),
    });
    let runs = Runs::new(RunsParts {
        store: Arc::clone(store) as Arc<dyn RunStore>,
        calls: Arc::new(NoCalls),
        clock: Arc::clone(&clock),
        node: NodeId::generate(),
        limits: RunLimits::default(),
        tracker,
        stopping: stopping.clone(),
    });
    let sealing = Sealing::new(&key, &[]).unwrap();
    App::new(AppParts {
        vault: Arc::new(Vault::new(Arc::clone(&shared), sealing, BTreeMap::new())),
        store: shared,
        rooms,
        rates: None,
        leases: None,
        keys: TokenKeys::new(&key).unwrap(),
        clock,
        limits: LIMITS,
        quotas: Quotas::UNBOUNDED,
        allowed_origins: Vec::new(),
        trusted_proxies: Vec::new(),
        has_tls: false,
        registration: Registration::Open,
        private_webhooks: false,
        restorable_for: Duration::from_secs(1),
        runs,
        stopping,
        optional_parts: Vec::new(),
        metrics: None,
    })
}

/// Ann, signed in, who talks to a flow of hers; and the other end of her socket.
async fn session() -> (Session, Box<Socket<DuplexStream>>, DuplexStream) {
    let store = Arc::new(MemoryStore::new());
    let app = app(&store);
    let now = app.now();
    let user = NewUser {
        id: UserId::generate(),
        email: "ann@example.org".into(),
        name: "Ann".into(),
        password_hash: Secret::new("hash".into()),
        workspace: WorkspaceId::generate(),
        created_at: now,
    };
    store.create_user(&user).await.unwrap();
    let signed_in = NewSession {
        id: SessionId::generate(),
        user: user.id,
        password_hash: user.password_hash.clone(),
        refresh_hash: [1; 32],
        user_agent: None,
        created_at: now,
        expires_at: now + Duration::from_secs(600),
    };
    store.create_session(&signed_in, &Origin::user(user.id, now)).await.unwrap();
    let flow = NewFlow {
        id: FlowId::generate(),
        workspace: user.workspace,
        owner: user.id,
        name: "Flow".into(),
        description: String::new(),
        tags: Vec::new(),
        created_at: now,
        updates: Vec::new(),
    };
    store.create_flow(&flow, &Quotas::UNBOUNDED, &Origin::user(user.id, now)).await.unwrap();
    let token = app.keys().issue(user.id, signed_in.id, now);
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let caller = Caller::authenticate(&app, token.expose(), address).await.unwrap();
    let seat = Seat::outside(flow.id, caller, 1, Permission::ReadFlow);
    let admitted = Admitted {
        caller,
        reads: true,
        connection: app.gate().connect(caller).await.unwrap(),
        registered: Registered::new(&app, seat),
    };
    let (near, far) = duplex(ON_THE_WAY);
    let socket = Socket::from_raw_socket(near, protocol::Role::Server, None).await;
    (Session::new(app, flow.id, "Flow".into(), admitted), Box::new(socket), far)
}

/// What cannot be read is answered each time.
async fn say_nonsense(client: &mut Socket<DuplexStream>, times: usize) {
    for _ in 0..times {
        client.send(Frame::Text("nonsense".into())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_more_is_dropped_after_thirty_seconds() {
    let (session, socket, far) = session().await;
    let mut client = Socket::from_raw_socket(far, protocol::Role::Client, None).await;
    let began = Instant::now();
    let serving = tokio::spawn(session.run(socket));
    // Twice as much as is on its way is answered; nobody reads it.
    say_nonsense(&mut client, 40).await;
    serving.await.unwrap();
    let took = began.elapsed();
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&took), "{took:?}");
    // Without a word: it would not be read either.
    let mut left = Vec::new();
    let mut far = client.into_inner();
    far.read_to_end(&mut left).await.unwrap();
    assert!(!left.is_empty() && left.len() <= ON_THE_WAY, "{} bytes", left.len());
}

/// A frame or two taken now and then is enough.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_stays() {
    let (session, socket, far) = session().await;
    let mut client = Socket::from_raw_socket(far, protocol::Role::Client, None).await;
    let serving = tokio::spawn(session.run(socket));
    say_nonsense(&mut client, 40).await;
    // Below the WebSocket, which would take at once all that is there.
    let (mut far, began) = (client.into_inner(), Instant::now());
    let (mut told, mut part) = (Vec::new(), [0; 200]);
    let answers = |told: &[u8]| String::from_utf8_lossy(told).matches("malformed").count();
    while answers(&told) < 40 {
        tokio::time::sleep(SENDING / 2).await;
        let read = far.read(&mut part).await.unwrap();
        assert!(read > 0, "it was dropped after {:?}", began.elapsed());
        told.extend_from_slice(&part[..read]);
    }
    assert!(began.elapsed() > SENDING * 5, "{:?}", began.elapsed());
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_while_something_is_typed_is_closed() {
    let (mut session, socket, far) = session().await;
    let mut client = Socket::from_raw_socket(far, protocol::Role::Client, None).await;
    session.typing_until = Some(Instant::now() + Duration::from_secs(10));
    let serving = tokio::spawn(session.run(socket));
    say_nonsense(&mut client, COMPLAINTS_MAX).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!serving.is_finished(), "so much may wait");
    say_nonsense(&mut client, 1).await;
    match client.next().await.unwrap().unwrap() {
        Frame::Close(Some(why)) => assert_eq!(u16::from(why.code), CloseCode::Overloaded.code()),
        other => panic!("{other:?}"),
    }
    serving.await.unwrap();
}
