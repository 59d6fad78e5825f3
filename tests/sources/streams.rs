//! Streams over a real socket: when numbers come, and what becomes of a stream that ends, breaks, stalls or lies.

use std::time::Duration;

use dockpulse::engine::Engine as _;
use dockpulse::model::engine::{Answer, EngineError};

use crate::{Rig, document, eventually};

/// How many processes a document says there are.
fn pids(answer: Answer<dockpulse::model::sample::Sample>) -> i64 {
    answer.unwrap().pids.unwrap()
}

#[tokio::test]
async fn the_first_numbers_come_at_once_and_the_newest_is_given_once() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    assert_eq!(pids(rig.stream().await), 1);
    let second = rig.stream();
    assert!(rig.within(50, second).await.is_none(), "nothing new has come");
}

#[tokio::test]
async fn a_call_waits_for_the_next_numbers() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    rig.stream().await.unwrap();
    let (answer, ()) = tokio::join!(rig.stream(), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        rig.engine.say(&document(2));
    });
    assert_eq!(pids(answer), 2);
}

#[tokio::test]
async fn of_those_that_came_meanwhile_the_newest_is_taken() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    rig.stream().await.unwrap();
    for n in 2..=5 {
        rig.engine.say(&document(n));
    }
    eventually(|| rig.engine.written() == 5).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pids(rig.stream().await), 5);
    assert_eq!(rig.engine.asked().len(), 1, "one stream brings them all");
}

#[tokio::test]
async fn documents_may_be_split_over_frames_and_share_one() {
    let rig = Rig::start();
    rig.engine.falls_silent();
    let (one, two) = (document(1), document(2));
    let (head, tail) = one.split_at(one.len() / 2);
    let (first, ()) = tokio::join!(rig.stream(), async {
        eventually(|| rig.engine.open_streams() == 1).await;
        rig.engine.send_frame(head.as_bytes());
        rig.engine.send_frame(tail.as_bytes());
    });
    assert_eq!(pids(first), 1);
    let (next, ()) = tokio::join!(rig.stream(), async {
        rig.engine.send_frame(format!("{one}{two}").as_bytes());
    });
    assert_eq!(pids(next), 2);
}

#[tokio::test]
async fn a_stream_that_stalls_is_closed_and_opened_again_after_a_pause() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    rig.stream().await.unwrap();
    assert!(rig.within(50, rig.stream()).await.is_none());
    eventually(|| rig.engine.open_streams() == 0).await;
    rig.engine.say(&document(2));
    for _ in 0..3 {
        assert!(matches!(rig.stream().await, Err(EngineError::Timeout { .. })), "said again, at once");
    }
    assert_eq!(rig.engine.asked().len(), 1, "nobody is asked meanwhile");
    rig.seconds(5).await;
    assert_eq!(pids(rig.stream().await), 2);
}

#[tokio::test]
async fn a_stream_that_breaks_gives_what_is_fresh_and_is_opened_again_after_a_pause() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    rig.stream().await.unwrap();
    rig.engine.say(&document(2));
    rig.engine.cut_streams();
    eventually(|| rig.engine.open_streams() == 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(pids(rig.stream().await), 2);
    assert!(matches!(rig.stream().await, Err(EngineError::Broken { .. })));
    rig.seconds(5).await;
    assert_eq!(pids(rig.stream().await), 2, "it begins with the newest");
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again_by_the_next_call() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    rig.stream().await.unwrap();
    rig.engine.say(&document(2));
    rig.engine.end_streams();
    eventually(|| rig.engine.open_streams() == 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    rig.engine.say(&document(3));
    assert_eq!(pids(rig.stream().await), 3, "what was not taken may be older than the end of its container");
}

#[tokio::test]
async fn a_stream_that_ends_with_its_first_numbers_has_brought_them() {
    let rig = Rig::start();
    let whole = format!("{}\n", document(1));
    for _ in 0..20 {
        let (answer, ()) = tokio::join!(rig.stream(), async {
            eventually(|| rig.engine.open_streams() == 1).await;
            rig.engine.send_frame_and_end(whole.as_bytes());
            eventually(|| rig.engine.open_streams() == 0).await;
        });
        assert_eq!(pids(answer), 1);
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_any_numbers_has_none() {
    let rig = Rig::start();
    let (answer, ()) = tokio::join!(rig.stream(), async {
        eventually(|| rig.engine.open_streams() == 1).await;
        rig.engine.end_streams();
    });
    assert_eq!(answer.err(), Some(EngineError::NoData));
    rig.engine.say(&document(1));
    assert_eq!(pids(rig.stream().await), 1);
}

#[tokio::test]
async fn a_container_that_is_gone_or_stopped_costs_no_pause() {
    for status in [404, 409] {
        let rig = Rig::start();
        rig.engine.say(&document(1));
        rig.engine.refuses(Some(status));
        assert_eq!(rig.stream().await.unwrap_err().status(), Some(status));
        rig.engine.refuses(None);
        assert_eq!(pids(rig.stream().await), 1);
    }
}

#[tokio::test]
async fn an_engine_that_refuses_is_not_asked_again_before_a_pause_is_over() {
    let rig = Rig::start();
    rig.engine.refuses(Some(500));
    for _ in 0..3 {
        assert_eq!(rig.stream().await.unwrap_err().status(), Some(500));
    }
    assert_eq!(rig.engine.asked().len(), 1);
    rig.seconds(5).await;
    assert_eq!(rig.stream().await.unwrap_err().status(), Some(500));
    assert_eq!(rig.engine.asked().len(), 2);
}

#[tokio::test]
async fn zeros_of_a_stopping_container_are_no_numbers() {
    let rig = Rig::start();
    rig.engine.say(r#"{"read":"0001-01-01T00:00:00Z","cpu_stats":{"cpu_usage":{"total_usage":0}}}"#);
    assert_eq!(rig.stream().await.err(), Some(EngineError::NoData));
}

#[tokio::test]
async fn what_is_no_stream_of_documents_is_closed() {
    let endless = [b"{\"a\":\"", "x".repeat(300 << 10).as_bytes()].concat();
    for (bytes, of_size) in [(&b"<html>"[..], false), (b"\x1f\x8b\x08", false), (&endless, true)] {
        let rig = Rig::start();
        let (answer, ()) = tokio::join!(rig.stream(), async {
            eventually(|| rig.engine.open_streams() == 1).await;
            rig.engine.send_frame(bytes);
        });
        match answer.unwrap_err() {
            EngineError::TooLarge { .. } => assert!(of_size),
            EngineError::Decode { .. } => assert!(!of_size),
            other => panic!("{other}"),
        }
        eventually(|| rig.engine.open_streams() == 0).await;
    }
}

#[tokio::test]
async fn one_document_that_cannot_be_read_does_not_end_the_stream() {
    let rig = Rig::start();
    rig.engine.say("{]}");
    assert!(matches!(rig.stream().await, Err(EngineError::Decode { .. })));
    let (answer, ()) = tokio::join!(rig.stream(), async { rig.engine.say(&document(2)) });
    assert_eq!(pids(answer), 2);
}

#[tokio::test]
async fn a_released_stream_is_closed_and_a_call_that_waits_for_it_ends() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    rig.stream().await.unwrap();
    let (answer, ()) = tokio::join!(rig.stream(), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        rig.docker.release(&rig.id);
    });
    assert_eq!(answer.err(), Some(EngineError::NoData));
    eventually(|| rig.engine.open_streams() == 0).await;
    assert_eq!(pids(rig.stream().await), 1, "the next call opens another");
    rig.docker.release_all();
    eventually(|| rig.engine.open_streams() == 0).await;
}

#[tokio::test]
async fn a_stream_that_is_released_while_it_is_opened_is_not_kept() {
    let rig = Rig::start();
    let call = rig.stream();
    tokio::pin!(call);
    assert!(futures_util::poll!(&mut call).is_pending(), "the request is on its way");
    rig.docker.release(&rig.id);
    assert_eq!(call.await.err(), Some(EngineError::NoData));
    eventually(|| rig.engine.asked().len() == 1 && rig.engine.open_streams() == 0).await;
}

#[tokio::test]
async fn streams_end_with_the_engine_and_nothing_is_compressed() {
    let Rig { engine, docker, id, .. } = &Rig::start();
    engine.say(&document(1));
    let every = Duration::from_secs(1);
    let source = dockpulse::model::engine::Source::Stream { every };
    let other = dockpulse::engine::docker::DockerEngine::new(
        "unix:///x",
        dockpulse::engine::Address::Unix(engine.socket().to_owned()),
        None,
    )
    .unwrap();
    let wanted = Default::default();
    docker.stats(id, source, &wanted).await.unwrap();
    other.stats(id, source, &wanted).await.unwrap();
    assert_eq!(engine.open_streams(), 2);
    drop(other);
    eventually(|| engine.open_streams() == 1).await;
    assert!(!engine.heard().to_lowercase().contains("accept-encoding"), "{}", engine.heard());
}

#[tokio::test]
async fn samples_that_nobody_takes_for_more_than_an_interval_are_counted() {
    let rig = Rig::start();
    rig.engine.say(&document(1));
    rig.stream().await.unwrap();
    rig.engine.say(&document(2));
    eventually(|| rig.engine.written() == 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(rig.docker.samples_dropped(), 0);
    rig.seconds(3).await;
    rig.engine.say(&document(3));
    let mut dropped = 0;
    for _ in 0..6000 {
        dropped += rig.docker.samples_dropped();
        if dropped > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(dropped, 1);
}
