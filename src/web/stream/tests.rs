//! What a stream tells, and when.

use std::pin::{Pin, pin};

use futures_util::StreamExt;

use super::*;
use crate::model::time::Clock;
use crate::status::{Agent, Totals};

const STARTED: u64 = 77;

fn handle() -> Handle {
    let agent = Agent { started: STARTED, ..Agent::default() };
    Handle::new(agent, Clock::start(), Totals::default)
}

fn change(handle: &Handle) {
    handle.tell(|board| board.engine("e".into(), "unix:///e".into()));
}

/// The id and the change of an event, whose framing is checked on the way.
fn read(event: &Bytes) -> (Id, Delta) {
    let text = std::str::from_utf8(event).expect("text");
    let text = text.strip_prefix("retry: 2000\n").unwrap_or(text);
    let lines: Vec<&str> = text.split('\n').collect();
    let [id, "event: status", data, "", ""] = lines[..] else { panic!("not an event: {text}") };
    let id = Id::read(id.strip_prefix("id: ").expect("an id")).expect("an id");
    (id, serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON"))
}

async fn next(stream: &mut Pin<&mut impl Stream<Item = Item>>) -> Option<(Id, Delta)> {
    let frame = stream.next().await?.expect("no error").into_data().expect("data");
    Some(read(&frame))
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_whole_and_the_others_go_on_from_it() {
    let handle = handle();
    let (feed, streams) = Feed::new(&handle);
    let mut stream = pin!(streams.open(None).expect("a place"));
    let reading = async {
        let (id, first) = next(&mut stream).await.expect("the first");
        assert!(first.whole && first.engines.is_empty());
        assert_eq!(id, Id { agent: STARTED, revision: first.revision });
        change(&handle);
        loop {
            let (_, more) = next(&mut stream).await.expect("more");
            assert!(!more.whole);
            if more.engines.len() == 1 {
                break;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = feed.run() => {}
    }
}

#[tokio::test(start_paused = true)]
async fn changes_come_twice_a_second_at_most_and_silence_every_five_seconds() {
    let handle = handle();
    let (feed, streams) = Feed::new(&handle);
    let mut stream = pin!(streams.open(None).expect("a place"));
    let clock = Clock::start();
    let reading = async {
        let mut times = Vec::new();
        for _ in 0..6 {
            next(&mut stream).await.expect("more");
            times.push(clock.now().mono.0);
        }
        assert!(times[2..].windows(2).all(|t| t[1] - t[0] >= PAUSE), "{times:?}");
        let silent = clock.now().mono;
        let (_, still) =
            tokio::time::timeout(Duration::from_secs(6), next(&mut stream)).await.expect("a sign").expect("more");
        assert_eq!(still.engines.len(), handle.look(|b| b.engine_rows().len()));
        clock.now().mono.since(silent)
    };
    let busy = async {
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            change(&handle);
        }
        std::future::pending().await
    };
    tokio::select! {
        _ = reading => {}
        () = feed.run() => {}
        () = busy => {}
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_told_what_was_missed_unless_the_agent_is_another() {
    let handle = handle();
    let seen = handle.look(Board::revision);
    change(&handle);
    let (_feed, streams) = Feed::new(&handle);
    let whole =
        async |last: &str| next(&mut pin!(streams.open(Some(last)).expect("a place"))).await.expect("one").1.whole;
    assert!(!whole(&format!("77-{seen}")).await);
    assert!(whole(&format!("78-{seen}")).await, "another agent's");
    assert!(whole(&format!("77-{}", seen + 99)).await, "of the future");
    assert!(whole("77-1").await, "of nobody");
    for nonsense in ["", "77", "-", "77-x", "1-2-3", "-1"] {
        assert!(whole(nonsense).await, "{nonsense}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_what_it_missed_in_one_event() {
    let handle = handle();
    let (feed, streams) = Feed::new(&handle);
    let mut quick = pin!(streams.open(None).expect("a place"));
    let mut slow = pin!(streams.open(None).expect("a place"));
    let reading = async {
        let (_, begun) = next(&mut slow).await.expect("the first");
        for _ in 0..8 {
            change(&handle);
            next(&mut quick).await.expect("more");
        }
        let (id, missed) = next(&mut slow).await.expect("more");
        assert!(!missed.whole && missed.revision > begun.revision);
        assert!(missed.engines.len() >= 7, "{}", missed.engines.len());
        assert_eq!(id.revision, missed.revision);
    };
    tokio::select! {
        () = reading => {}
        () = feed.run() => {}
    }
}

#[tokio::test(start_paused = true)]
async fn streams_are_so_many_at_most_and_end_with_the_feed() {
    let (feed, streams) = Feed::new(&handle());
    let mut open: Vec<_> = (0..STREAMS).map(|_| Box::pin(streams.open(None).expect("a place"))).collect();
    assert!(streams.open(None).is_none());
    open.pop();
    let mut last = pin!(streams.open(None).expect("a place is free again"));
    next(&mut last).await.expect("the first");
    drop(feed);
    assert!(next(&mut last).await.is_none());
}
