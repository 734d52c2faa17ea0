//! What every relay does.

use std::sync::Arc;

use bytes::Bytes;
use flow_base::{BatchId, FlowId, Seq, UserId};
use flow_cluster::{Heard, LogSlice, MemoryRelay, NodePresence, Relay, Shown};
use futures_util::FutureExt;

use crate::support::{connect, hear, node, slice};

macro_rules! contract {
    ($($(#[$doc:meta])* $name:ident)*) => {
        mod in_memory {
            use super::*;

            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let ours = MemoryRelay::new();
                let theirs = ours.another();
                super::$name(&ours, &theirs).await;
            })*
        }

        mod on_redis {
            use super::*;

            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let ours = node().await;
                let theirs = connect(ours.redis.url()).await;
                super::$name(&*ours.cluster.relay(), &*theirs.relay()).await;
            })*
        }
    };
}

contract! {
    others_hear_of_a_flow_and_the_one_that_says_it_does_not
    everything_is_heard_in_the_order_it_was_said
    every_room_of_a_flow_hears_and_one_that_closes_disturbs_no_other
    a_room_that_opens_again_hears_again
    it_is_heard_who_is_there_and_where
}

fn committed(slice: LogSlice) -> Heard {
    Heard::Committed(Arc::new(slice))
}

async fn others_hear_of_a_flow_and_the_one_that_says_it_does_not(ours: &dyn Relay, theirs: &dyn Relay) {
    let (flow, other) = (FlowId::generate(), FlowId::generate());
    let mut own = ours.subscribe(flow).await.unwrap();
    let mut heard = theirs.subscribe(flow).await.unwrap();
    let mut elsewhere = theirs.subscribe(other).await.unwrap();
    let said = slice(3, 2);
    ours.publish(flow, &said).await.unwrap();
    assert_eq!(hear(&mut heard).await, committed(said));
    // What is said later and heard shows that nothing else was on its way.
    ours.publish(other, &slice(1, 1)).await.unwrap();
    assert!(matches!(hear(&mut elsewhere).await, Heard::Committed(slice) if slice.first == Seq(1)));
    let answer = slice(5, 1);
    theirs.publish(flow, &answer).await.unwrap();
    assert_eq!(hear(&mut own).await, committed(answer));
    assert_eq!((heard.next().now_or_never(), elsewhere.next().now_or_never()), (None, None));
}

async fn everything_is_heard_in_the_order_it_was_said(ours: &dyn Relay, theirs: &dyn Relay) {
    let flow = FlowId::generate();
    let mut heard = theirs.subscribe(flow).await.unwrap();
    for seq in 1..=300 {
        ours.publish(flow, &slice(seq, 1)).await.unwrap();
    }
    for seq in 1..=300 {
        assert!(matches!(hear(&mut heard).await, Heard::Committed(slice) if slice.first == Seq(seq)));
    }
}

async fn every_room_of_a_flow_hears_and_one_that_closes_disturbs_no_other(
    ours: &dyn Relay,
    theirs: &dyn Relay,
) {
    let flow = FlowId::generate();
    let mut first = theirs.subscribe(flow).await.unwrap();
    let mut second = theirs.subscribe(flow).await.unwrap();
    ours.publish(flow, &slice(1, 1)).await.unwrap();
    assert_eq!(hear(&mut first).await, hear(&mut second).await);
    drop(first);
    ours.publish(flow, &slice(2, 1)).await.unwrap();
    assert!(matches!(hear(&mut second).await, Heard::Committed(slice) if slice.first == Seq(2)));
}

async fn a_room_that_opens_again_hears_again(ours: &dyn Relay, theirs: &dyn Relay) {
    let flow = FlowId::generate();
    for seq in 1..=50 {
        let mut heard = theirs.subscribe(flow).await.unwrap();
        ours.publish(flow, &slice(seq, 1)).await.unwrap();
        assert!(matches!(hear(&mut heard).await, Heard::Committed(slice) if slice.first == Seq(seq)));
    }
}

async fn it_is_heard_who_is_there_and_where(ours: &dyn Relay, theirs: &dyn Relay) {
    let flow = FlowId::generate();
    let mut own = ours.subscribe(flow).await.unwrap();
    let mut heard = theirs.subscribe(flow).await.unwrap();
    let state = Some(Bytes::from_static(b"{}"));
    let shown = vec![Shown { client: 1 << 50, clock: 3, user: UserId::generate(), state }];
    let everybody = NodePresence::Everybody { shown: shown.clone(), asks: true };
    ours.show(flow, &everybody).await.unwrap();
    let Heard::Presence { node: here, presence } = hear(&mut heard).await else { panic!("no presence") };
    assert_eq!(*presence, everybody);
    let gone = NodePresence::Changed(vec![Shown { state: None, ..shown[0].clone() }]);
    ours.show(flow, &gone).await.unwrap();
    assert_eq!(hear(&mut heard).await, Heard::Presence { node: here, presence: Arc::new(gone) });
    let nobody = NodePresence::Everybody { shown: Vec::new(), asks: false };
    theirs.show(flow, &nobody).await.unwrap();
    let Heard::Presence { node: there, presence } = hear(&mut own).await else { panic!("no presence") };
    assert_eq!((*presence).clone(), nobody);
    assert_ne!(here, there);
}

/// Redis would have to send it to every node; reading it from the log is one query.
#[tokio::test]
async fn what_is_too_large_to_be_sent_is_to_be_looked_up() {
    let ours = node().await;
    let theirs = connect(ours.redis.url()).await;
    let flow = FlowId::generate();
    let mut heard = theirs.relay().subscribe(flow).await.unwrap();
    let large = LogSlice::of_batch(Seq(1), BatchId::generate(), [Bytes::from(vec![0; 2 << 20])]);
    ours.cluster.relay().publish(flow, &large).await.unwrap();
    assert_eq!(hear(&mut heard).await, Heard::Missed);
    ours.cluster.relay().publish(flow, &slice(2, 1)).await.unwrap();
    assert!(matches!(hear(&mut heard).await, Heard::Committed(slice) if slice.first == Seq(2)));
}

/// Of another release, or not of ours at all.
#[tokio::test]
async fn what_nobody_can_read_is_not_heard() {
    let ours = node().await;
    let theirs = connect(ours.redis.url()).await;
    let flow = FlowId::generate();
    let mut heard = theirs.relay().subscribe(flow).await.unwrap();
    let mut stranger = crate::support::stranger(ours.redis.url()).await;
    let channel = format!("interflow:flow:{{{flow}}}:relay");
    for said in [&b""[..], b"\x01", b"\x02version", b"\x01\xff\xff\xff\xff\xff", &[0; 5_000]] {
        let told: u64 =
            redis::cmd("PUBLISH").arg(&channel).arg(said).query_async(&mut stranger).await.unwrap();
        assert_eq!(told, 1);
    }
    ours.cluster.relay().publish(flow, &slice(2, 1)).await.unwrap();
    assert!(matches!(hear(&mut heard).await, Heard::Committed(slice) if slice.first == Seq(2)));
}
