//! Certificates that cannot be believed: the queue is kept, nothing is sent in plain text, and all arrives when the
//! collector has a good one.

use std::sync::Arc;

use dockpulse::export::{Outcome, Protocol, Settings};
use dockpulse::tls::{ClientTls, Options};
use rustls::ServerConfig;

use crate::agent::{Agent, BOTH, settings};
use crate::authorities::{Authority, Pair, expired, server_config, write};
use crate::faulty::Faulty;
use crate::front::Front;

fn speaks(own: &Pair) -> Arc<ServerConfig> {
    let mut config = server_config(own, None, rustls::ALL_VERSIONS);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// An agent whose collector, which was believed, comes with this certificate for a while.
async fn for_a_while(protocol: Protocol, ours: &Authority, bad: &Pair, words: &str) {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Faulty::start().await);
    let good = speaks(&ours.server(&["localhost"]));
    let front = Front::start(good.clone(), ([127, 0, 0, 1], collector.port).into()).await;
    let ca_file = Some(write(folder.path(), "ca.pem", &ours.pem()));
    let tls = Arc::new(ClientTls::new(Options { ca_file, alpn: protocol.alpn(), ..Options::default() }, |_| ()));
    let to = Settings { tls, ..settings(&format!("https://localhost:{}", front.port), protocol) };
    let agent = Agent::with(collector, to, 64 << 20).await;
    agent.collector.further(2).await;

    front.speak(speaks(bad));
    agent.until_told("the certificate", |report| {
        matches!(&report.outcome, Outcome::Retrying { cause, attempt, .. } if *attempt > 1 && cause.to_string().contains(words))
    }).await;
    let before = agent.collector.count();
    agent.engine.remove("db");
    agent.probes_go_on().await;
    assert_eq!(agent.collector.count(), before, "nobody who is not believed gets anything");

    front.speak(good);
    agent.collector.further(2).await;
    agent.finish().await.all();
    assert!(front.agreed().len() >= 2, "nothing went past TLS");
}

#[tokio::test]
pub(crate) async fn a_certificate_that_expired_keeps_the_queue_until_it_is_renewed() {
    let ours = Authority::new("ours");
    for protocol in BOTH {
        for_a_while(protocol, &ours, &ours.odd(expired), "its certificate expired").await;
    }
}

#[tokio::test]
pub(crate) async fn a_host_with_another_name_or_another_authority_gets_nothing() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for protocol in BOTH {
        for_a_while(protocol, &ours, &ours.server(&["a.example"]), "not for localhost").await;
        for_a_while(protocol, &ours, &theirs.server(&["localhost"]), "not signed by an authority").await;
    }
}
