//! Mistakes on the way to the collector.

use std::net::TcpListener;
use std::sync::Arc;

use dockpulse::model::time::Clock;
use dockpulse::sink::{self, SinkOptions, server::Listen};
use rustls::ServerConfig;
use tokio::task::JoinSet;

use crate::World;
use crate::certificates::{Authority, Pair, expired, server_config, write};
use crate::faulty::Answer;
use crate::front::{Front, Proxy};

fn speaks(own: &Pair, protocols: &[&str]) -> Arc<ServerConfig> {
    let mut config = server_config(own, None, rustls::ALL_VERSIONS);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

const BOTH: &[&str] = &["h2", "http/1.1"];

/// A port that nobody has.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A collector with a port for each protocol: gRPC's, HTTP's. It ends when the set is dropped.
async fn two_ports() -> (u16, u16, JoinSet<()>) {
    let (grpc, http) = (free_port(), free_port());
    let at = |port: u16| Some(format!("127.0.0.1:{port}"));
    let options = SinkOptions {
        listen: Listen { grpc: at(grpc), http: at(http) },
        format: sink::Format::Json,
        color: false,
        expect: None,
        within: std::time::Duration::from_secs(60),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut out, mut err) = (tokio::io::sink(), tokio::io::sink());
        let _ = sink::run(&options, &Clock::start(), &mut out, &mut err, std::future::pending()).await;
    });
    for port in [grpc, http] {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
    (grpc, http, tasks)
}

#[tokio::test]
async fn a_protocol_at_the_other_one_s_port_is_recognized() {
    let world = World::new().await;
    let (grpc, http, _sink) = two_ports().await;
    let at = |port| format!("http://127.0.0.1:{port}");
    let over_http = [("DOCKPULSE_EXPORT__PROTOCOL", "http/protobuf")];
    world.of_collector(&at(grpc), &[]).await.is_well();
    world.of_collector(&at(http), &over_http).await.is_well();
    let said = world.of_collector(&at(http), &[]).await;
    said.only("export", "fail", &["this port speaks OTLP/HTTP", "→ set export.protocol: http/protobuf"]);
    let said = world.of_collector(&at(grpc), &over_http).await;
    said.only("export", "fail", &["this port speaks OTLP/gRPC", "→ set export.protocol: grpc"]);
    let said = world.of_collector(&format!("{}/base", at(http)), &over_http).await;
    said.only("export", "fail", &["another path", "404", "→ set export.endpoint: http://127.0.0.1"]);
}

#[tokio::test]
async fn tls_at_a_plain_port_and_the_reverse_are_recognized() {
    let world = World::new().await;
    let ours = Authority::new("ours");
    let front =
        Front::start(speaks(&ours.server(&["localhost"]), BOTH), ([127, 0, 0, 1], world.collector.port).into()).await;
    for protocol in ["grpc", "http/protobuf"] {
        let protocol = [("DOCKPULSE_EXPORT__PROTOCOL", protocol)];
        let plain = world.collector.port;
        let said = world.of_collector(&format!("https://localhost:{plain}"), &protocol).await;
        said.only(
            "certificate",
            "fail",
            &["plain text, not TLS", &format!("set export.endpoint: http://localhost:{plain}")],
        );
        let port = front.port;
        let said = world.of_collector(&format!("http://localhost:{port}"), &protocol).await;
        said.only(
            "export",
            "fail",
            &["this port speaks TLS", &format!("set export.endpoint: https://localhost:{port}")],
        );
    }
}

#[tokio::test]
async fn certificates_are_told_with_their_dates() {
    let world = World::new().await;
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let ca = write(world.folder.path(), "ca.pem", &ours.pem());
    let believing = [("DOCKPULSE_EXPORT__TLS__CA_FILE", ca.to_str().unwrap())];
    let behind = ([127, 0, 0, 1], world.collector.port).into();
    let front = Front::start(speaks(&ours.server(&["localhost"]), BOTH), behind).await;
    let endpoint = format!("https://localhost:{}", front.port);
    let said = world.of_collector(&endpoint, &believing).await;
    said.is_well();
    said.has("certificate", "ok", &["verified by tls.ca_file; good until"]);

    let soon =
        jiff::Timestamp::from_second(i64::try_from(Clock::start().now().wall.0 / 1_000_000_000).unwrap() + 3 * 86_400);
    let soon = soon.unwrap().strftime("%Y-%m-%d").to_string();
    let ends = |params: &mut rcgen::CertificateParams| {
        let [year, month, day] = [0..4, 5..7, 8..10].map(|at| soon[at].parse::<i32>().unwrap());
        params.not_after = rcgen::date_time_ymd(year, u8::try_from(month).unwrap(), u8::try_from(day).unwrap());
    };
    front.speak(speaks(&ours.odd(ends), BOTH));
    let said = world.of_collector(&endpoint, &believing).await;
    said.only("certificate", "warn", &["it expires on", &soon, "→ renew it"]);

    front.speak(speaks(&ours.odd(expired), BOTH));
    let said = world.of_collector(&endpoint, &believing).await;
    said.only("certificate", "fail", &["its certificate expired on 2001-12-31", "renew it"]);
    front.speak(speaks(&theirs.server(&["localhost"]), BOTH));
    let said = world.of_collector(&endpoint, &believing).await;
    said.only("certificate", "fail", &["not signed by an authority in tls.ca_file"]);
    let said = world.of_collector(&endpoint, &[("DOCKPULSE_EXPORT__TLS__INSECURE_SKIP_VERIFY", "true")]).await;
    said.has("certificate", "warn", &["not verified"]);
}

#[tokio::test]
async fn our_own_certificate_is_told_with_its_dates() {
    let world = World::new().await;
    let ours = Authority::new("ours");
    let pair = ours.odd(expired);
    let file = |name: &str, text: &str| write(world.folder.path(), name, text).to_str().unwrap().to_owned();
    let [ca, cert, key] = [file("ca.pem", &ours.pem()), file("cert.pem", &pair.cert), file("key.pem", &pair.key)];
    let files = [
        ("DOCKPULSE_EXPORT__TLS__CA_FILE", ca.as_str()),
        ("DOCKPULSE_EXPORT__TLS__CERT_FILE", &cert),
        ("DOCKPULSE_EXPORT__TLS__KEY_FILE", &key),
    ];
    let front =
        Front::start(speaks(&ours.server(&["localhost"]), BOTH), ([127, 0, 0, 1], world.collector.port).into()).await;
    let said = world.of_collector(&format!("https://localhost:{}", front.port), &files).await;
    said.only("client_certificate", "fail", &["cert.pem", "expired on 2001-12-31"]);
}

#[tokio::test]
async fn a_collector_that_refuses_is_told_with_the_mend() {
    let world = World::new().await;
    for (answer, status, words) in [
        (Answer::Http(401, None), "fail", ["401", "→ check export.headers"]),
        (Answer::Http(403, None), "fail", ["403", "→ check export.headers"]),
        (Answer::Http(413, None), "fail", ["413", "→ lower export.max_request_bytes"]),
        (Answer::Http(404, None), "fail", ["404", "→ check the path of export.endpoint"]),
        (Answer::Http(503, None), "warn", ["503", "tries again"]),
        (Answer::Http(429, None), "warn", ["429", "busy"]),
        (Answer::Hang, "fail", ["no answer within 1s", "→ does the collector hang"]),
    ] {
        world.collector.always(answer);
        let said = world.doctor(&[("DOCKPULSE_EXPORT__PROTOCOL", "http/protobuf")]).await;
        said.has("export", status, &words);
    }
    world.collector.always(Answer::Grpc(14, None));
    world.doctor(&[]).await.only("export", "warn", &["UNAVAILABLE", "tries again"]);
    world.collector.always(Answer::Grpc(16, None));
    world.doctor(&[]).await.only("export", "fail", &["UNAUTHENTICATED", "check export.headers"]);
}

#[tokio::test]
async fn a_port_where_nobody_listens_and_a_name_that_is_none() {
    let world = World::new().await;
    let port = free_port();
    let said = world.of_collector(&format!("http://localhost:{port}"), &[]).await;
    said.only("tcp", "fail", &[&format!("localhost:{port}: nobody listens"), "start the collector"]);
    let said = world.of_collector("http://a..b:4317", &[]).await;
    said.only("name", "fail", &["a..b:4317 cannot be resolved", "is the name right?"]);
}

#[tokio::test]
async fn a_proxy_on_the_way_is_told_and_has_to_let_us_through() {
    let world = World::new().await;
    let (good, bad) = (Proxy::start().await, Proxy::answering("HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n").await);
    let to = format!("http://collector.test:{}", world.collector.port);
    let over_http = |proxy: &str| {
        vec![
            ("DOCKPULSE_EXPORT__PROTOCOL".to_owned(), "http/protobuf".to_owned()),
            ("http_proxy".to_owned(), proxy.to_owned()),
            ("DOCKPULSE_EXPORT__COMPRESSION".to_owned(), "none".to_owned()),
        ]
    };
    let through = async |port: u16| {
        let variables = over_http(&format!("http://user:canary@127.0.0.1:{port}"));
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let said = world.of_collector(&to, &variables).await;
        assert!(said.lines.iter().all(|line| !line.to_string().contains("canary")));
        said
    };
    let said = through(good.port).await;
    said.is_well();
    said.has("proxy", "ok", &[&format!("http://127.0.0.1:{} is on the way to http://collector.test", good.port)]);
    through(bad.port).await.only("export", "fail", &["407", "http://USER:PASSWORD@HOST:PORT"]);
    through(free_port()).await.only("tcp", "fail", &["nobody listens", "NO_PROXY"]);
}
