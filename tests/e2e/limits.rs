//! What one user or one room may take, through real sockets. Each limit is lowered
//! for its test by the name it has in the configuration.

use std::time::{Duration, Instant};

use flow_base::{FlowId, LinkRole, Role};
use flow_client::{Api, NewFlow, PeerState};
use flow_protocol::CloseCode;
use flow_protocol::frame::{self, Message};
use flow_testing::eventually;
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;

use crate::people::{add, live, make, peer, scene_with, until, until_graph};
use crate::raw::{Raw, is_barrier, letters};

#[tokio::test]
async fn a_burst_of_visitors_does_not_pass_the_peers_per_room() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__PEERS_PER_ROOM", "5")]).await;
    let visits = join_all((0..20).map(|_| Raw::try_join(&scene.ann, scene.flow))).await;
    let (mut inside, refused): (Vec<_>, Vec<_>) = visits.into_iter().partition(Result::is_ok);
    assert_eq!(inside.len(), 5);
    assert!(refused.iter().all(|refused| matches!(refused, Err(429))));
    assert_eq!(Raw::refused(&scene.ann, scene.flow).await, (429, 10));
    // Another room has places, and one that is left is free again.
    let other = scene.ann.create_flow(&NewFlow::default()).await.unwrap().id;
    Raw::join(&scene.ann, other).await.sync().await;
    drop(inside.pop());
    eventually(
        "the place is free",
        async || Raw::try_join(&scene.ann, scene.flow).await.is_ok(),
        |joined| *joined,
    )
    .await;
}

/// Anybody can give a link to a thousand others. They do not keep out who works here.
#[tokio::test]
async fn guests_have_half_of_a_room_and_members_the_rest() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__PEERS_PER_ROOM", "5")]).await;
    let link = scene.ann.create_link(scene.flow, LinkRole::Viewer, None).await.unwrap();
    let guest = Api::new(&scene.server.url()).unwrap();
    guest.use_token(link.token);
    let stream = async |api: &Api| {
        let url = format!("{}/api/flows/{}/stream", scene.server.url(), scene.flow);
        reqwest::Client::new().get(url).bearer_auth(api.token().unwrap().expose()).send().await.unwrap()
    };
    let visits = join_all((0..10).map(|_| Raw::try_join(&guest, scene.flow))).await;
    let mut guests: Vec<_> = visits.into_iter().flatten().collect();
    assert_eq!(guests.len(), 2);
    assert_eq!(Raw::refused(&guest, scene.flow).await, (429, 10));
    let refused = stream(&guest).await;
    assert_eq!(refused.status(), 429);
    let told: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(told["error"]["code"], "room_full");

    let members = join_all((0..10).map(|_| Raw::try_join(&scene.ann, scene.flow))).await;
    let members: Vec<_> = members.into_iter().flatten().collect();
    assert_eq!(members.len(), 3, "who is signed in has the rest");
    drop(members);
    eventually("members have left", async || stream(&scene.ann).await.status(), |status| *status == 200)
        .await;
    assert_eq!(Raw::try_join(&guest, scene.flow).await.err(), Some(429), "it is not for guests");
    // A stream of a guest counts as one of their sockets.
    drop(guests.pop());
    let mut streaming = None;
    eventually(
        "a guest has left",
        async || {
            let answer = stream(&guest).await;
            let status = answer.status();
            streaming = Some(answer);
            status
        },
        |status| *status == 200,
    )
    .await;
    assert_eq!(Raw::try_join(&guest, scene.flow).await.err(), Some(429));
}

#[tokio::test]
async fn a_user_has_so_many_connections_whatever_the_flow_and_another_has_as_many() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "3")]).await;
    let other = scene.ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let flows = [scene.flow, other].into_iter().cycle().take(12);
    let visits = join_all(flows.map(|flow| Raw::try_join(&scene.ann, flow))).await;
    let mut inside: Vec<_> = visits.into_iter().flatten().collect();
    assert_eq!(inside.len(), 3);
    assert_eq!(Raw::refused(&scene.ann, other).await, (429, 10));
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    Raw::join(&ben, scene.flow).await.sync().await;
    drop(inside.pop());
    eventually("one is free", async || Raw::try_join(&scene.ann, other).await.is_ok(), |joined| *joined)
        .await;
}

#[tokio::test]
async fn opens_in_a_minute_are_counted_and_refused_ones_are_not() {
    let limits = [("INTERFLOW_LIMITS__OPENS_PER_USER", "3"), ("INTERFLOW_LIMITS__PEERS_PER_ROOM", "1")];
    let scene = scene_with(&limits).await;
    let only = Raw::join(&scene.ann, scene.flow).await;
    // Refused for other reasons: no such flow, a full room, another history.
    for _ in 0..10 {
        assert_eq!(Raw::try_join(&scene.ann, scene.flow).await.err(), Some(429));
        let mut lost = Raw::join(&scene.ann, FlowId::generate()).await;
        assert_eq!(lost.closed().await, CloseCode::NoSuchFlow.code());
    }
    drop(only);
    let foreign = format!("&lineage={}", FlowId::generate());
    eventually(
        "the room is left, and the history is another one",
        async || {
            let url = format!(
                "{}?token={}{foreign}",
                scene.ann.sync_url(scene.flow),
                scene.ann.token().unwrap().expose()
            );
            match connect_async(url).await {
                Ok((socket, _)) => Raw::over(socket).closed().await,
                Err(_) => 0,
            }
        },
        |code| *code == CloseCode::ForeignLineage.code(),
    )
    .await;
    // Two are left, and then there is a time to come back.
    for _ in 0..2 {
        let another = scene.ann.create_flow(&NewFlow::default()).await.unwrap().id;
        Raw::join(&scene.ann, another).await.sync().await;
    }
    let another = scene.ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let (status, after) = Raw::refused(&scene.ann, another).await;
    assert_eq!(status, 429);
    assert!((1..=20).contains(&after), "three a minute are one every 20 s, not {after}");
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let bens = ben.create_flow(&NewFlow::default()).await.unwrap().id;
    Raw::join(&ben, bens).await.sync().await;
}

#[tokio::test]
async fn a_user_who_sends_too_quickly_is_read_more_slowly_and_loses_nothing() {
    let limits = [
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "20"),
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_BURST", "5"),
    ];
    let scene = scene_with(&limits).await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    let ben = live(&ben, scene.flow).await;
    let mut quick = Raw::join(&scene.ann, scene.flow).await;
    quick.sync().await;
    let started = Instant::now();
    for clock in 0..60 {
        quick.send(frame::update(&letters(7, clock, 1))).await;
    }
    quick.send(frame::barrier(b"all")).await;
    // While they are read one by one, the socket hears of the others, and a second
    // socket of the same user gets its turns.
    make(&ben, add("meanwhile")).await;
    let heard = |message| matches!(message, Message::Update { .. }).then_some(());
    quick.until(heard).await;
    let mut second = Raw::join(&scene.ann, scene.flow).await;
    second.sync().await;
    let turn = started.elapsed();
    quick.until(is_barrier(b"all")).await;
    let all = started.elapsed();
    assert!(all >= Duration::from_millis(2_500), "60 messages at 20 a second, 5 at once, in {all:?}");
    assert!(turn < all, "the second socket waited for the whole flood of the first");
    let fresh = live(&scene.ann, scene.flow).await;
    until_graph(&fresh, "ben's edit", |graph| graph.nodes.contains_key("meanwhile")).await;
    let update = quick.sync().await;
    assert!(update.windows(60).any(|text| text.iter().all(|&byte| byte == b'x')), "all letters are there");
}

#[tokio::test]
async fn a_large_document_message_counts_for_as_many_as_its_size() {
    let limits = [
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "10"),
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_BURST", "30"),
    ];
    let scene = scene_with(&limits).await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.sync().await;
    let started = Instant::now();
    // 16 each: with the step 1, three are more than may come at once.
    for client in 1..=3 {
        raw.send(frame::update(&letters(client, 0, 1_000_000))).await;
    }
    raw.send(frame::barrier(b"all")).await;
    raw.until(is_barrier(b"all")).await;
    assert!(started.elapsed() >= Duration::from_millis(1_800), "in {:?}", started.elapsed());
}

#[tokio::test]
async fn zero_lifts_counts_and_rates() {
    let limits = [
        ("INTERFLOW_LIMITS__PEERS_PER_ROOM", "0"),
        ("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "0"),
        ("INTERFLOW_LIMITS__OPENS_PER_USER", "0"),
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "0"),
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_BURST", "0"),
    ];
    let scene = scene_with(&limits).await;
    let visits = join_all((0..60).map(|_| Raw::try_join(&scene.ann, scene.flow))).await;
    assert!(visits.iter().all(Result::is_ok));
}

/// The client of ours waits and comes back when a place is free.
#[tokio::test]
async fn a_peer_that_finds_no_place_keeps_its_edits_and_comes_in_later() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__PEERS_PER_ROOM", "1")]).await;
    let first = live(&scene.ann, scene.flow).await;
    let second = peer(&scene.ann, scene.flow);
    make(&second, add("kept")).await;
    let state = second.state().borrow().clone();
    assert!(matches!(state, PeerState::Offline { unsaved: 1 }), "{state:?}");
    drop(first);
    until(&second, "in, and saved", PeerState::is_saved).await;
}

#[tokio::test]
async fn large_updates_share_the_memory_there_is_for_them_and_wait_for_each_other() {
    // Enough to walk one of them at a time.
    let scene = scene_with(&[("INTERFLOW_LIMITS__APPLY_MEMORY_BYTES", "5000000")]).await;
    let sent = (1..=8).map(|client| {
        let (ann, flow) = (scene.ann.clone(), scene.flow);
        async move {
            let mut raw = Raw::join(&ann, flow).await;
            raw.sync().await;
            raw.send(frame::update(&letters(client, 0, 300_000))).await;
            raw.send(frame::barrier(b"large")).await;
            raw.until(is_barrier(b"large")).await;
        }
    });
    join_all(sent).await;
    let mut fresh = Raw::join(&scene.ann, scene.flow).await;
    assert!(fresh.sync().await.len() > 8 * 300_000);
}

/// Somebody who begins large messages and never ends them fills the memory there is for
/// such; small messages do not wait for it, and large ones go on when he is gone.
#[tokio::test]
async fn unfinished_large_messages_share_the_memory_there_is_for_them() {
    // Never less than one message may take, which is twice what is not too large.
    let limits =
        [("INTERFLOW_LIMITS__FRAME_BYTES", "600000"), ("INTERFLOW_LIMITS__RECEIVED_NODE_BYTES", "1000000")];
    let scene = scene_with(&limits).await;
    let mut halves = Vec::new();
    for _ in 0..20 {
        let mut half = Raw::join(&scene.ann, scene.flow).await;
        half.sync().await;
        let stream = half.socket.get_mut();
        stream.write_all(&[&[0x82, 0xff][..], &1_000_000_u64.to_be_bytes(), &[0; 4]].concat()).await.unwrap();
        // What is read no further stays in the kernels, which hold so much.
        stream.write_all(&[0; 200_000]).await.unwrap();
        halves.push(half);
    }
    let mut large = Raw::join(&scene.ann, scene.flow).await;
    large.sync().await;
    large.send(frame::update(&letters(7, 0, 500_000))).await;
    large.send(frame::barrier(b"large")).await;
    let ann = live(&scene.ann, scene.flow).await;
    make(&ann, add("small")).await;
    assert!(ann.saved().await.unwrap().is_saved());
    let mut barrier = is_barrier(b"large");
    let waits = timeout(Duration::from_millis(500), large.until(&mut barrier)).await;
    assert!(waits.is_err(), "there was memory for a large one");
    drop(halves);
    large.until(barrier).await;
}

#[tokio::test]
async fn an_update_that_needs_more_memory_than_there_is_is_too_large() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__APPLY_MEMORY_BYTES", "1000000")]).await;
    let ann = live(&scene.ann, scene.flow).await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.sync().await;
    raw.send(frame::update(&letters(7, 0, 100_000))).await;
    assert_eq!(raw.closed().await, CloseCode::TooLarge.code());
    // What is small needs none of it.
    make(&ann, add("small")).await;
    assert!(ann.saved().await.unwrap().is_saved());
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let scene = scene_with(&[
        ("INTERFLOW_LIMITS__REQUESTS_PER_USER", "8"),
        ("INTERFLOW_LIMITS__REQUESTS_PER_KEY", "3"),
    ])
    .await;
    let url = format!("{}/api/flows", scene.server.url());
    let ask = async |token: &str| {
        let answer = reqwest::Client::new().get(&url).bearer_auth(token).send().await.unwrap();
        let wait =
            answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
        (answer.status().as_u16(), wait)
    };
    let new =
        flow_client::NewKey { name: "Bot".into(), scopes: vec![flow_base::Scope::Read], expires_at: None };
    let key = scene.ann.create_key(&new).await.unwrap().secret;
    for _ in 0..3 {
        assert_eq!(ask(key.expose()).await, (200, None));
    }
    let (status, wait) = ask(key.expose()).await;
    assert_eq!(status, 429);
    assert!(wait.is_some_and(|wait| (1..=21).contains(&wait)), "{wait:?}");

    // The flow and the key that she has made were two.
    let token = scene.ann.token().unwrap();
    for _ in 0..6 {
        assert_eq!(ask(token.expose()).await, (200, None));
    }
    assert_eq!(ask(token.expose()).await.0, 429);
    // And whoever is nobody, by where they come from; Ann's registration was one.
    for _ in 0..7 {
        assert_eq!(ask("no token").await.0, 401);
    }
    assert_eq!(ask("no token").await.0, 429);
    let register =
        Api::new(&scene.server.url()).unwrap().register("ben@example.org", "a long password", "Ben").await;
    let error = register.unwrap_err();
    assert!(
        matches!(&error, flow_client::ClientError::Refused { status: 429, code, .. } if code == "too_many_requests")
    );
}
