//! The agent's own telemetry goes the same way.

use dockpulse::export::{Connector, Proxies};
use dockpulse::telemetry::{Ask, Compression, Event, Identity, Setup, Target, Telemetry};
use dockpulse::{export, telemetry};
use http::HeaderMap;

use super::certificates::write;
use super::collector::{Answer, Place};
use super::front::{Front, Proxy};
use super::*;

fn setup(url: &str, protocol: Protocol, connector: &Connector) -> Setup {
    let connector = connector.clone();
    let target = Target {
        protocol: match protocol {
            export::Protocol::Grpc => telemetry::Protocol::Grpc,
            export::Protocol::HttpProtobuf => telemetry::Protocol::Http,
        },
        endpoint: url.parse().unwrap(),
        headers: Ask::always(HeaderMap::new()),
        failure: Ask::new(move || connector.failure()),
        timeout: AMPLE,
        compression: Compression::Zstd,
    };
    let identity = Identity { instance_id: "agent-1".into(), ..Identity::default() };
    let metric_interval = Some(Duration::from_millis(50));
    Setup {
        metrics: true,
        traces: false,
        sampling: 1.0,
        logs: None,
        target,
        identity,
        metric_interval,
        span_delay: None,
    }
}

#[tokio::test]
async fn it_goes_through_the_proxy_and_tls_and_is_compressed() {
    let authority = Authority::new("ca");
    let folder = tempfile::tempdir().unwrap();
    let ca_file = Some(write(folder.path(), "ca.pem", &authority.pem()));
    for protocol in BOTH {
        let collector = Collector::start().await;
        let front = Front::start(speaks(&authority.server(&["c.test"]), None, ALL), address(&collector)).await;
        let proxy = Proxy::start().await;
        let url = format!("https://c.test:{}", front.port);
        let settings = settings(&url, protocol, Options { ca_file: ca_file.clone(), ..Options::default() });
        let through = Proxies::new("", format!("http://127.0.0.1:{}", proxy.port), "");
        let connector = Connector::new(&Settings { proxies: through, ..settings });
        let own = Telemetry::silent();
        own.send_to(&setup(&url, protocol, &connector), connector.clone()).unwrap();
        own.record(&Event::SecondSignal);
        let received = collector.wait_for(1).await;
        let encoding =
            if protocol == Protocol::Grpc { ("grpc-encoding", "gzip") } else { ("content-encoding", "zstd") };
        assert_eq!(received[0].headers[encoding.0], encoding.1);
        assert_eq!(received[0].headers["user-agent"].to_str().unwrap().split('/').next(), Some("dockpulse"));
        assert!(proxy.heads()[0].starts_with("CONNECT c.test:"));
        own.shutdown(AMPLE).await;
    }
}

#[tokio::test]
async fn a_connector_says_why_its_last_connection_failed() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let folder = tempfile::tempdir().unwrap();
    let ca_file = Some(write(folder.path(), "ca.pem", &ours.pem()));
    let collector = Collector::start().await;
    let front = Front::start(speaks(&theirs.server(&["localhost"]), None, ALL), address(&collector)).await;
    let url = format!("https://localhost:{}", front.port);
    for protocol in BOTH {
        let connector =
            Connector::new(&settings(&url, protocol, Options { ca_file: ca_file.clone(), ..Options::default() }));
        let own = Telemetry::silent();
        own.send_to(&setup(&url, protocol, &connector), connector.clone()).unwrap();
        own.record(&Event::SecondSignal);
        eventually("a failure", || connector.failure().is_some()).await;
        let words = connector.failure().unwrap();
        assert!(words.starts_with("its certificate is not signed by an authority in tls.ca_file; is tls"), "{words}");
        own.shutdown(AMPLE).await;
    }
    assert!(collector.received().is_empty());
}

#[tokio::test]
async fn answers_that_are_hostile_or_have_no_end_do_not_silence_it() {
    let collector = Collector::start().await;
    let settings = settings(&collector.url(), Protocol::Grpc, Options::default());
    let connector = Connector::new(&settings);
    let mut setup = setup(&collector.url(), Protocol::Grpc, &connector);
    setup.target.timeout = Duration::from_millis(500);
    let not_base64 = |place| Answer::GrpcDetails(14, "!!!".to_owned(), place);
    // With the flood the head and the message come, and the end never does.
    collector.answer([not_base64(Place::Headers), not_base64(Place::Trailers), Answer::Flood(0), Answer::Hang]);
    let own = Telemetry::silent();
    own.send_to(&setup, connector).unwrap();
    own.record(&Event::SecondSignal);
    collector.wait_for(6).await;
    own.shutdown(AMPLE).await;
}
