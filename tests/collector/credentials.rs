//! Tokens that are rotated: read again at once, waited for if they are late, and nothing is lost meanwhile.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use dockpulse::export::{Headers, Outcome, Protocol, ReadAgain, Settings};

use crate::agent::{Agent, BOTH, settings};
use crate::faulty::{Answer, Fate, Faulty};

/// An agent with a token in a file, and a collector that takes another one from its `after`th request on. If `at_once`, the
/// file has that by then, else still the old one.
async fn with_token(protocol: Protocol, file: &std::path::Path, at_once: bool, after: usize) -> Agent {
    fs::write(file, "old").unwrap();
    let collector = Faulty::start().await;
    let to = settings(&collector.url(), protocol);
    let (count, refusal) = (
        std::sync::atomic::AtomicUsize::new(0),
        match protocol {
            Protocol::Grpc => Answer::Grpc(16, None),
            Protocol::HttpProtobuf => Answer::Http(401, None),
        },
    );
    let file_of_judge = file.to_owned();
    collector.judge(move |_, headers| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if at_once && n == after {
            fs::write(&file_of_judge, "new").unwrap();
        }
        let right = if n < after { "old" } else { "new" };
        (headers["authorization"] != right).then(|| refusal.clone())
    });
    let path = file.to_owned();
    let read: ReadAgain = Arc::new(move || fs::read_to_string(&path).map_err(|error| error.to_string()));
    let follow = vec![("authorization".to_owned(), read)];
    let headers = Headers::following([("authorization", "old")], follow, |_| ()).unwrap();
    Agent::with(collector, Settings { headers, ..to }, 64 << 20).await
}

#[tokio::test]
pub(crate) async fn a_token_that_was_rotated_in_its_file_is_used_at_once() {
    for protocol in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let agent = with_token(protocol, &file, true, 4).await;
        let received = agent.collector.further(8).await;
        let refused: Vec<usize> = (0..received.len()).filter(|n| received[*n].fate == Fate::Refused).collect();
        assert_eq!(refused.len(), 1, "with the new token there is no second refusal");
        let [at] = refused[..] else { unreachable!() };
        assert_eq!(received[at].raw, received[at + 1].raw);
        assert!(agent.words().contains("trying again with the credentials that are there now"), "{}", agent.words());
        agent.finish().await.all();
    }
}

#[tokio::test]
pub(crate) async fn a_token_that_comes_late_is_waited_for_and_nothing_is_lost() {
    for protocol in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let agent = with_token(protocol, &file, false, 3).await;
        agent.collector.until("refusals", |all| all.iter().filter(|r| r.fate == Fate::Refused).count() >= 3).await;
        agent.engine.remove("db");
        agent.probes_go_on().await;
        fs::write(&file, "new").unwrap();
        let taken = |all: &[crate::faulty::Received]| all.iter().filter(|r| r.fate == Fate::Taken).count();
        agent.collector.until("the new token", |all| taken(all) > 6).await;
        let dropped = agent.reports().iter().filter(|r| matches!(r.outcome, Outcome::Dropped { .. })).count();
        assert_eq!(dropped, 0, "{}", agent.words());
        let reports = agent.reports();
        let pauses = reports
            .iter()
            .filter(|r| matches!(r.outcome, Outcome::Retrying { pause, .. } if pause >= Duration::from_millis(10)));
        assert!(pauses.count() >= 3, "a collector that refuses is not hammered");
        agent.finish().await.all();
    }
}
