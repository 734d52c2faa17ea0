use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;

use super::*;

fn frame(len: usize) -> Bytes {
    Bytes::from(vec![0; len])
}

fn flowing() -> Outbox {
    let outbox = Outbox::new(100, 200);
    outbox.push_answer(frame(1_000), Position(1));
    outbox
}

fn take(outbox: &Outbox) -> Option<Taken> {
    outbox.take().now_or_never()
}

#[test]
fn nothing_flows_before_the_join_is_answered() {
    let outbox = Outbox::new(100, 200);
    outbox.push_update(&frame(1), Position(1));
    outbox.push_presence(&frame(1));
    assert_eq!(take(&outbox), None);
    outbox.push_answer(frame(1_000), Position(1));
    outbox.push_update(&frame(1), Position(2));
    assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(1_000), frame(1)])));
    assert_eq!(take(&outbox), None);
}

#[test]
fn past_the_soft_bound_updates_are_dropped_together_and_asked_for_once_drained() {
    let outbox = flowing();
    outbox.push_update(&frame(10), Position(2));
    assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
    outbox.push_update(&frame(60), Position(3));
    outbox.push_control(frame(7));
    outbox.push_update(&frame(60), Position(4));
    outbox.push_update(&frame(1), Position(5));
    assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(7)])), "control frames stay");
    assert_eq!(take(&outbox), Some(Taken::AskSince(Position(2))));
    assert_eq!(take(&outbox), None, "it is asked once");
    outbox.push_update(&frame(1), Position(6));
    assert_eq!(take(&outbox), None, "nothing flows before the answer");
    outbox.push_missed(vec![frame(3)], Position(6));
    outbox.push_update(&frame(1), Position(7));
    assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(3), frame(1)])));
}

#[test]
fn a_slow_socket_is_handed_a_little_and_the_rest_can_still_be_dropped() {
    let outbox = Outbox::new(10 * TAKEN_BYTES, 20 * TAKEN_BYTES);
    outbox.push_missed(vec![], Position(0));
    for position in 1..=20 {
        outbox.push_update(&frame(TAKEN_BYTES / 2), Position(position));
    }
    let two = || Some(Taken::Frames(vec![frame(TAKEN_BYTES / 2); 2]));
    assert_eq!(take(&outbox), two());
    outbox.push_update(&frame(TAKEN_BYTES), Position(21));
    assert_eq!(take(&outbox), two(), "what was handed over made room");
    outbox.push_update(&frame(2 * TAKEN_BYTES), Position(22));
    assert_eq!(take(&outbox), Some(Taken::AskSince(Position(4))));
}

#[test]
fn an_answer_of_several_frames_counts_when_its_last_was_handed_over() {
    let outbox = flowing();
    assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
    outbox.push_missed(vec![frame(TAKEN_BYTES), frame(TAKEN_BYTES)], Position(9));
    outbox.push_update(&frame(101), Position(10));
    assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
    assert_eq!(outbox.lock().handed, Position(1));
    assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
    assert_eq!(take(&outbox), Some(Taken::AskSince(Position(9))));
}

#[test]
fn presence_that_does_not_fit_is_asked_for_again() {
    let outbox = flowing();
    assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
    outbox.push_update(&frame(90), Position(2));
    outbox.push_presence(&frame(20));
    assert_eq!(take(&outbox), Some(Taken::AskSince(Position(1))));
}

#[test]
fn a_later_answer_takes_the_place_of_one_that_was_not_read() {
    let outbox = flowing();
    outbox.push_answer(frame(2_000), Position(2));
    assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(2_000)])));
}

/// What a peer missed since it was asked for may say less than an answer to the
/// question it asks a moment later.
#[test]
fn what_was_missed_does_not_take_the_place_of_a_whole_answer() {
    let outbox = flowing();
    outbox.push_missed(vec![frame(3)], Position(2));
    assert_eq!(take(&outbox), Some(Taken::Frames(vec![frame(1_000), frame(3)])));
}

#[test]
fn past_the_hard_bound_the_peer_is_closed() {
    let outbox = flowing();
    (0..3).for_each(|_| outbox.push_control(frame(100)));
    assert_eq!(take(&outbox), Some(Taken::Close(CloseCode::Overloaded)));
}

#[test]
fn the_first_reason_to_close_wins() {
    let outbox = flowing();
    outbox.close(CloseCode::Malformed);
    outbox.close(CloseCode::Restarting);
    assert_eq!(take(&outbox), Some(Taken::Close(CloseCode::Malformed)));
}

#[test]
fn what_is_queued_is_written_before_the_end() {
    let outbox = flowing();
    outbox.end();
    assert!(matches!(take(&outbox), Some(Taken::Frames(_))));
    assert_eq!(take(&outbox), Some(Taken::Ended));
}

/// What a task that waits comes to when this happens.
async fn woken<T: Send + 'static>(
    waits: impl Future<Output = T> + Send + 'static,
    happens: impl FnOnce(),
) -> T {
    let task = tokio::spawn(waits);
    tokio::task::yield_now().await;
    happens();
    timeout(Duration::from_secs(10), task).await.expect("it is woken").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_push_wakes_the_taker() {
    let outbox = Outbox::new(100, 200);
    let taker = outbox.clone();
    let taken = woken(async move { taker.take().await }, || outbox.push_control(frame(1))).await;
    assert_eq!(taken, Taken::Frames(vec![frame(1)]));
}

#[tokio::test(start_paused = true)]
async fn a_close_and_the_end_wake_the_taker() {
    let cases: [(fn(&Outbox), _); 2] = [
        (|outbox| outbox.close(CloseCode::Malformed), Taken::Close(CloseCode::Malformed)),
        (Outbox::end, Taken::Ended),
    ];
    for (happens, comes_to) in cases {
        let outbox = Outbox::new(100, 200);
        let taker = outbox.clone();
        assert_eq!(woken(async move { taker.take().await }, || happens(&outbox)).await, comes_to);
    }
}

/// A write that waits for its socket is given up.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_close_hears_of_it_before_and_after() {
    let outbox = flowing();
    let waits = outbox.clone();
    woken(async move { waits.closing().await }, || outbox.close(CloseCode::Malformed)).await;
    assert!(outbox.closing().now_or_never().is_some());
}

/// A socket that takes so many frames and then none.
#[derive(Debug, Clone, Default)]
struct Socket {
    state: Arc<Mutex<SocketState>>,
}

#[derive(Debug, Default)]
struct SocketState {
    takes: usize,
    taken: Vec<Outgoing>,
    held: Vec<Outgoing>,
    gone: bool,
    panics: bool,
}

impl Port for Socket {
    fn write(&mut self, frames: &mut Vec<Outgoing>) -> Wrote {
        let state = &mut *self.state.lock().unwrap();
        assert!(!state.panics, "a test asked for it");
        if state.gone {
            return Wrote::Broken;
        }
        state.held.append(frames);
        let taken = state.takes.min(state.held.len());
        state.takes -= taken;
        state.taken.extend(state.held.drain(..taken));
        if state.held.is_empty() { Wrote::All } else { Wrote::Held }
    }
}

impl Socket {
    fn taking(takes: usize) -> Self {
        let socket = Self::default();
        socket.state.lock().unwrap().takes = takes;
        socket
    }

    fn takes(&self, more: usize) {
        self.state.lock().unwrap().takes += more;
    }

    fn taken(&self) -> Vec<Outgoing> {
        std::mem::take(&mut self.state.lock().unwrap().taken)
    }
}

fn message(len: usize) -> Outgoing {
    Outgoing::Message(frame(len))
}

fn attention(outbox: &Outbox) -> Option<Attention> {
    outbox.attention().now_or_never()
}

/// With a socket behind it that takes so many frames; the answer to the join is out.
fn connected(takes: usize) -> (Outbox, Socket) {
    let (outbox, socket) = (flowing(), Socket::taking(takes + 1));
    outbox.connect(Box::new(socket.clone()));
    assert_eq!(socket.taken(), [message(1_000)]);
    (outbox, socket)
}

#[test]
fn a_flush_writes_everything_and_bothers_nobody() {
    let (outbox, socket) = connected(9);
    outbox.push_update(&frame(1), Position(2));
    outbox.push_control(frame(2));
    assert_eq!(socket.taken(), [], "it is written when the batch is done");
    outbox.flush();
    assert_eq!(socket.taken(), [message(1), message(2)]);
    assert_eq!(outbox.lock().handed, Position(2));
    assert_eq!((outbox.queued_bytes(), attention(&outbox)), (0, None));
}

#[test]
fn what_a_socket_does_not_take_is_left_to_its_task() {
    let (outbox, socket) = connected(1);
    outbox.push_control(frame(1));
    outbox.push_control(frame(2));
    outbox.flush();
    assert_eq!(socket.taken(), [message(1)]);
    assert_eq!(attention(&outbox), Some(Attention::Held));
    socket.takes(9);
    outbox.push_control(frame(3));
    outbox.flush();
    assert_eq!(socket.taken(), [], "only its task knows when it takes something again");
    outbox.resume();
    assert_eq!(socket.taken(), [message(2), message(3)]);
    assert_eq!(attention(&outbox), None);
}

#[test]
fn past_the_soft_bound_the_task_asks_once_the_socket_has_drained() {
    let (outbox, socket) = connected(0);
    outbox.push_update(&frame(60), Position(2));
    outbox.flush();
    outbox.push_update(&frame(60), Position(3));
    outbox.push_update(&frame(60), Position(4));
    assert_eq!(attention(&outbox), Some(Attention::Held));
    socket.takes(9);
    outbox.resume();
    assert_eq!(socket.taken(), [message(60)], "what was handed over is finished");
    assert_eq!(attention(&outbox), Some(Attention::AskSince(Position(2))));
    assert_eq!(attention(&outbox), None, "it is asked once");
}

/// More than the bound in one batch, to a socket that waits for nothing.
#[test]
fn a_queue_dropped_within_a_batch_is_asked_for_at_its_flush() {
    let (outbox, _) = connected(9);
    outbox.push_update(&frame(60), Position(2));
    outbox.push_update(&frame(60), Position(3));
    outbox.flush();
    assert_eq!(attention(&outbox), Some(Attention::AskSince(Position(1))));
}

#[test]
fn a_close_goes_before_what_is_queued_and_nothing_after_it() {
    let (outbox, socket) = connected(9);
    outbox.push_control(frame(1));
    outbox.close(CloseCode::Malformed);
    assert_eq!(attention(&outbox), Some(Attention::Closed(CloseCode::Malformed)));
    outbox.push_control(frame(2));
    outbox.flush();
    assert_eq!(socket.taken(), [Outgoing::Close(CloseCode::Malformed)]);
}

#[test]
fn what_is_queued_goes_out_before_the_room_ends() {
    let (outbox, socket) = connected(9);
    outbox.push_control(frame(1));
    outbox.end();
    assert_eq!(attention(&outbox), Some(Attention::Ended));
    assert_eq!(socket.taken(), [message(1)]);
}

#[test]
fn of_pings_that_wait_only_the_last_is_answered() {
    let (outbox, socket) = connected(9);
    outbox.push_pong(frame(1));
    outbox.push_pong(frame(2));
    outbox.push_ping();
    outbox.flush();
    assert_eq!(socket.taken(), [Outgoing::Ping, Outgoing::Pong(frame(2))]);
}

#[test]
fn a_socket_that_is_gone_or_panics_is_broken() {
    for panics in [false, true] {
        let (outbox, socket) = connected(9);
        socket.state.lock().unwrap().gone = true;
        socket.state.lock().unwrap().panics = panics;
        outbox.push_control(frame(1));
        let flushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outbox.flush()));
        assert_eq!(flushed.is_err(), panics);
        assert_eq!(attention(&outbox), Some(Attention::Broken));
    }
}

#[test]
fn a_long_queue_is_written_in_turns() {
    let outbox = Outbox::new(100 * TAKEN_BYTES, 100 * TAKEN_BYTES);
    let socket = Socket::taking(100);
    outbox.connect(Box::new(socket.clone()));
    (0..20).for_each(|_| outbox.push_control(frame(TAKEN_BYTES)));
    outbox.flush();
    let first = socket.taken().len();
    assert!((1..20).contains(&first), "{first} at once");
    assert_eq!(attention(&outbox), Some(Attention::Held));
    while attention(&outbox) == Some(Attention::Held) {
        outbox.resume();
    }
    assert_eq!(first + socket.taken().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn the_task_is_woken_when_there_is_something_to_wait_for() {
    let (outbox, _socket) = connected(0);
    let task = outbox.clone();
    let push = || {
        outbox.push_control(frame(1));
        outbox.flush();
    };
    assert_eq!(woken(async move { task.attention().await }, push).await, Attention::Held);
}

#[tokio::test(start_paused = true)]
async fn the_task_is_woken_when_the_queue_was_dropped() {
    let (outbox, _socket) = connected(9);
    let task = outbox.clone();
    let drops = || {
        outbox.push_update(&frame(60), Position(2));
        outbox.push_update(&frame(60), Position(3));
        outbox.flush();
    };
    let comes_to = Attention::AskSince(Position(1));
    assert_eq!(woken(async move { task.attention().await }, drops).await, comes_to);
}

#[tokio::test(start_paused = true)]
async fn the_task_is_woken_when_the_socket_is_gone_or_panics() {
    for panics in [false, true] {
        let (outbox, socket) = connected(9);
        socket.state.lock().unwrap().gone = true;
        socket.state.lock().unwrap().panics = panics;
        let task = outbox.clone();
        let push = || {
            outbox.push_control(frame(1));
            let flushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outbox.flush()));
            assert_eq!(flushed.is_err(), panics);
        };
        assert_eq!(woken(async move { task.attention().await }, push).await, Attention::Broken);
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_and_the_end_wake_the_task() {
    let cases: [(fn(&Outbox), _); 2] = [
        (|outbox| outbox.close(CloseCode::Malformed), Attention::Closed(CloseCode::Malformed)),
        (Outbox::end, Attention::Ended),
    ];
    for (happens, comes_to) in cases {
        let (outbox, _) = connected(9);
        let task = outbox.clone();
        assert_eq!(woken(async move { task.attention().await }, || happens(&outbox)).await, comes_to);
    }
}

/// Whoever is at the port writes what others queue meanwhile: they do not wait for it.
#[test]
fn what_is_queued_while_another_writes_is_written_by_that_one() {
    #[derive(Debug)]
    struct Busy(Outbox, Socket);
    impl Port for Busy {
        fn write(&mut self, frames: &mut Vec<Outgoing>) -> Wrote {
            if frames.contains(&message(1)) {
                self.0.push_control(frame(2));
                self.0.flush();
            }
            self.1.write(frames)
        }
    }
    let (outbox, socket) = (flowing(), Socket::taking(9));
    outbox.connect(Box::new(Busy(outbox.clone(), socket.clone())));
    outbox.push_control(frame(1));
    outbox.flush();
    assert_eq!(socket.taken(), [message(1_000), message(1), message(2)]);
}

/// Or its socket stays open for as long as anybody holds the queue.
#[test]
fn a_port_is_let_go_of_even_while_somebody_writes_to_it() {
    #[derive(Debug)]
    struct Leaving(Outbox, Socket);
    impl Port for Leaving {
        fn write(&mut self, frames: &mut Vec<Outgoing>) -> Wrote {
            if frames.contains(&message(1)) {
                self.0.disconnect();
            }
            self.1.write(frames)
        }
    }
    for while_it_writes in [false, true] {
        let (outbox, socket) = (flowing(), Socket::taking(9));
        outbox.connect(Box::new(Leaving(outbox.clone(), socket.clone())));
        if while_it_writes {
            outbox.push_control(frame(1));
            outbox.flush();
        } else {
            outbox.disconnect();
        }
        assert_eq!(Arc::strong_count(&socket.state), 1);
        assert_eq!(attention(&outbox), Some(Attention::Broken));
    }
}

#[test]
fn every_peer_of_a_large_room_is_flushed_somewhere() {
    let mut outboxes = crate::Outboxes::default();
    let sockets: Vec<Socket> = (0..200)
        .map(|at| {
            let (outbox, socket) = connected(9);
            outboxes.insert(flow_base::ConnId(at), outbox);
            socket
        })
        .collect();
    let frame = frame(1);
    outboxes.carry(crate::Effect::FanOut { frame, position: Position(2), except: None });
    let mut elsewhere = Vec::new();
    outboxes.flush(|outboxes| elsewhere.push(outboxes));
    assert!(elsewhere.len() > 1 && elsewhere.iter().all(|outboxes| outboxes.len() <= 64));
    elsewhere.iter().flatten().for_each(Outbox::flush);
    assert!(sockets.iter().all(|socket| socket.taken() == [message(1)]));
}
