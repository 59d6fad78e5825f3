//! What a collector answers, and what becomes of the points then.

use std::time::Duration;

use dockpulse::export::Outcome;
use dockpulse::export::Protocol::{Grpc, HttpProtobuf};

use crate::agent::{Agent, BOTH};
use crate::faulty::{Answer, Fate, Faulty, Received, retracts};

/// The requests from the first with this fate on.
fn from(received: &[Received], fate: Fate) -> &[Received] {
    let at = received.iter().position(|r| r.fate == fate).expect("one with this fate");
    &received[at..]
}

#[tokio::test]
pub(crate) async fn what_may_be_sent_again_comes_again_with_the_same_bytes_and_nothing_is_lost() {
    let grpc = [1, 4, 10, 11, 14, 15].map(|code| Answer::Grpc(code, None));
    let http = [429, 502, 503, 504].map(|status| Answer::Http(status, None));
    for (protocol, answers) in [(Grpc, grpc.to_vec()), (HttpProtobuf, http.to_vec())] {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.further(2).await;
        agent.collector.answer(answers.clone());
        agent.collector.played().await;
        let received = agent.collector.received();
        let failed = from(&received, Fate::Failed);
        assert!(failed[..=answers.len()].iter().all(|r| r.raw == failed[0].raw), "nothing overtakes");
        assert_eq!(failed[answers.len()].fate, Fate::Taken);
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn pauses_grow_and_probes_go_on_while_a_collector_fails_for_long() {
    let agent = Agent::start(Faulty::start().await, Grpc).await;
    agent.collector.further(1).await;
    agent.collector.always(Answer::Grpc(14, None));
    agent.probes_go_on().await;
    agent.collector.further(8).await;
    agent.collector.always(Answer::Take);
    let attempts: Vec<_> = agent
        .reports()
        .iter()
        .filter_map(|r| match r.outcome {
            Outcome::Retrying { attempt, pause, .. } => Some((attempt, pause)),
            _ => None,
        })
        .collect();
    assert!(attempts.windows(2).all(|two| two[1].0 == two[0].0 + 1 && two[1].1 >= two[0].1 / 2), "{attempts:?}");
    assert!(attempts[4].1 > attempts[0].1, "{attempts:?}");
    agent.finish().await.all();
}

#[tokio::test]
pub(crate) async fn a_collector_is_not_asked_again_before_the_time_it_says() {
    let date = "Fri, 31 Dec 1999 23:59:59 GMT";
    for (protocol, answer, asked) in [
        (Grpc, Answer::Grpc(14, Some(Duration::from_millis(400))), 400),
        (Grpc, Answer::Grpc(8, Some(Duration::from_millis(400))), 400),
        (HttpProtobuf, Answer::Http(429, Some("1")), 1000),
        (HttpProtobuf, Answer::Http(503, Some(date)), 0),
    ] {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.further(1).await;
        agent.collector.answer([answer]);
        agent.collector.played().await;
        let received = agent.collector.received();
        let failed = from(&received, Fate::Failed);
        let waited = failed[1].at - failed[0].at;
        assert_eq!(failed[0].raw, failed[1].raw);
        assert!(waited >= Duration::from_millis(asked), "{waited:?}");
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn what_must_not_be_sent_again_is_dropped_and_its_retractions_come_as_new_points() {
    let grpc = [2, 3, 5, 6, 7, 8, 9, 12, 13, 16].map(|code| (Grpc, Answer::Grpc(code, None)));
    let http = [301, 400, 401, 403, 404, 413, 500, 501].map(|status| (HttpProtobuf, Answer::Http(status, None)));
    for (protocol, answer) in grpc.into_iter().chain(http) {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.further(2).await;
        let (refusal, told) = (answer.clone(), std::sync::atomic::AtomicBool::new(false));
        agent.collector.judge(move |request, _| {
            let first = retracts(request) && !told.swap(true, std::sync::atomic::Ordering::Relaxed);
            first.then(|| refusal.clone())
        });
        agent.engine.remove("db");
        let received = agent.collector.until("a refusal", |all| all.iter().any(|r| r.fate == Fate::Refused)).await;
        let refused = received.iter().find(|r| r.fate == Fate::Refused).expect("it was waited for").raw.clone();
        let owed = |all: &[Received]| all.iter().any(|r| r.taken.as_ref().is_some_and(retracts));
        let received = agent.collector.until("what is owed", owed).await;
        assert_eq!(received.iter().filter(|r| r.raw == refused).count(), 1, "{answer:?}: not sent again");
        let dropped = agent.reports().iter().filter(|r| matches!(r.outcome, Outcome::Dropped { .. })).count();
        assert_eq!(dropped, 1, "{answer:?}: {}", agent.words());
        let verdict = agent.finish().await;
        assert!(!verdict.lost.is_empty(), "what was refused is lost");
    }
}

#[tokio::test]
pub(crate) async fn retractions_that_are_rejected_in_part_come_again_as_new_points_and_values_do_not() {
    for protocol in BOTH {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.further(2).await;
        let times = std::sync::atomic::AtomicUsize::new(0);
        agent.collector.judge(move |request, _| {
            let rejects = retracts(request) && times.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
            rejects.then_some(Answer::RejectRetractions)
        });
        agent.engine.remove("db");
        let ended = |r: &Received| r.taken.as_ref().is_some_and(retracts);
        agent.collector.until("the third try", |all| all.iter().any(ended)).await;
        let rejected: Vec<u64> = agent
            .reports()
            .iter()
            .filter_map(|r| match &r.outcome {
                Outcome::Delivered { rejected, message, .. } if *rejected > 0 => {
                    assert_eq!(message, "no ends here");
                    Some(*rejected)
                }
                _ => None,
            })
            .collect();
        assert!(rejected.len() == 2 && rejected[0] == rejected[1] && rejected[0] > 5, "{rejected:?}");
        let verdict = agent.finish().await;
        assert_eq!(verdict.repeated, 0, "what was rejected is not sent again");
        assert!(verdict.lost.iter().all(|line| line.ends_with(" ends")), "values are not rejected: {:?}", verdict.lost);
        assert_eq!(verdict.lost.len() as u64, rejected[0] * 2);
    }
}

#[tokio::test]
pub(crate) async fn a_warning_loses_nothing() {
    for protocol in BOTH {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.always(Answer::Warn("please upgrade"));
        agent.collector.further(4).await;
        assert!(agent.words().contains("with a warning: please upgrade"), "{}", agent.words());
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn an_answer_without_end_is_read_up_to_a_bound_and_its_points_are_not_lost() {
    for protocol in BOTH {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.further(1).await;
        agent.collector.answer([Answer::Endless]);
        agent.collector.played().await;
        // What the two sockets take in besides the 64 KiB.
        assert!(agent.collector.poured() < 8 << 20, "{} bytes", agent.collector.poured());
        let verdict = agent.finish().await;
        assert_eq!(verdict.repeated, 0, "what was taken is not sent again");
        verdict.all();
    }
}

#[tokio::test]
pub(crate) async fn an_answer_of_another_kind_ends_in_a_verdict_and_the_next_batch_goes_out() {
    for protocol in BOTH {
        let agent = Agent::start(Faulty::start().await, protocol).await;
        agent.collector.further(1).await;
        agent.collector.answer([Answer::Page]);
        agent.collector.played().await;
        assert!(agent.words().contains("OTLP") || agent.words().contains("gRPC"), "{}", agent.words());
        agent.finish().await;
    }
}
