//! Tokens that are rotated: read again at once, waited for if they are late, and nothing is lost meanwhile.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use dockpulse::export::client::{Client, Transport};
use dockpulse::export::{Headers, Outcome, Protocol, Settings, Verdict};
use dockpulse::model::Text;
use dockpulse::model::time::Clock;

use crate::agent::{Agent, BOTH, settings};
use crate::faulty::{Answer, Fate, Faulty};

/// A client whose token is in a file.
struct FromFile {
    path: PathBuf,
    token: String,
    settings: Settings,
    client: Client,
}

impl FromFile {
    fn new(path: PathBuf, settings: Settings) -> Self {
        let token = fs::read_to_string(&path).unwrap();
        let client = Self::client(&token, &settings);
        Self { path, token, settings, client }
    }

    fn client(token: &str, settings: &Settings) -> Client {
        let headers = Headers::try_new([("authorization", token)]).unwrap();
        Client::new(&Settings { headers, ..settings.clone() }, Clock::start()).unwrap()
    }
}

impl Transport for FromFile {
    async fn send(&mut self, request: Bytes) -> Verdict {
        self.client.send(request).await
    }

    fn endpoint(&self) -> Text {
        self.client.endpoint()
    }

    fn refresh(&mut self) -> bool {
        let token = fs::read_to_string(&self.path).unwrap();
        let changed = token != self.token;
        if changed {
            self.client = Self::client(&token, &self.settings);
            self.token = token;
        }
        changed
    }

    fn is_renewable(&self) -> bool {
        true
    }
}

/// An agent with a token in a file, and a collector that takes this token from its `after`th request on.
async fn with_token(protocol: Protocol, file: &std::path::Path, wanted: &'static str, after: usize) -> Agent {
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
    collector.judge(move |_, headers| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let right = if n < after { "old" } else { wanted };
        (headers["authorization"] != right).then(|| refusal.clone())
    });
    let client = FromFile::new(file.to_owned(), to.clone());
    Agent::by(collector, client, &to, 64 << 20).await
}

#[tokio::test]
pub(crate) async fn a_token_that_was_rotated_in_its_file_is_used_at_once() {
    for protocol in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let agent = with_token(protocol, &file, "new", 4).await;
        fs::write(&file, "new").unwrap();
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
        let agent = with_token(protocol, &file, "new", 3).await;
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
