//! Proxies between us and the collector.

use dockpulse::export::{Compression, Proxies};

use super::certificates::write;
use super::collector::Answer;
use super::front::{Front, Proxy};
use super::*;

/// Nobody but the proxy knows this host.
const HOST: &str = "collector.test";

fn through(settings: Settings, proxy: &Proxy, user: &str, no: &str) -> Settings {
    let proxy = format!("http://{user}127.0.0.1:{}", proxy.port);
    Settings { proxies: Proxies::new(proxy.clone(), proxy, no), ..settings }
}

#[tokio::test]
async fn a_collector_behind_tls_is_reached_through_a_tunnel_that_sees_nothing() {
    let authority = Authority::new("ca");
    let folder = tempfile::tempdir().unwrap();
    let ca_file = Some(write(folder.path(), "ca.pem", &authority.pem()));
    for protocol in BOTH {
        let collector = Collector::start().await;
        let front = Front::start(speaks(&authority.server(&[HOST]), None, ALL), address(&collector)).await;
        let proxy = Proxy::start().await;
        let url = format!("https://{HOST}:{}", front.port);
        let settings = settings(&url, protocol, Options { ca_file: ca_file.clone(), ..Options::default() });
        let mut client = client(&through(settings, &proxy, "user:hunter%322@", ""));
        delivered(&client.send(request()).await);
        delivered(&client.send(request()).await);
        let heads = proxy.heads();
        let [head] = &heads[..] else { panic!("one tunnel: {heads:?}") };
        assert!(head.starts_with(&format!("CONNECT {HOST}:{} HTTP/1.1\r\n", front.port)), "{head}");
        // user:hunter22
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpodW50ZXIyMg==\r\n"), "{head}");
        let received = collector.received();
        assert_eq!(received.len(), 2);
        assert!(received.iter().all(|r| !r.headers.contains_key("proxy-authorization")));
    }
}

#[tokio::test]
async fn plain_http_is_handed_to_the_proxy_with_the_whole_address() {
    let (collector, proxy) = (Collector::start().await, Proxy::start().await);
    let port = address(&collector).port();
    let settings = settings(&format!("http://{HOST}:{port}"), Protocol::HttpProtobuf, Options::default());
    delivered(&client(&through(settings, &proxy, "user:hunter22@", "")).send(request()).await);
    let heads = proxy.heads();
    assert!(heads[0].starts_with(&format!("POST http://{HOST}:{port}/v1/metrics HTTP/1.1\r\n")), "{heads:?}");
    assert!(heads[0].contains("proxy-authorization: Basic dXNlcjpodW50ZXIyMg==\r\n"), "{heads:?}");
    assert_eq!(collector.received()[0].raw, request());
}

#[tokio::test]
async fn what_needs_no_proxy_goes_without() {
    let (collector, proxy) = (Collector::start().await, Proxy::start().await);
    // An address that is this host's, but not by its looks.
    let port = address(&collector).port();
    let (odd, usual) = (format!("http://127.1:{port}"), collector.url());
    for (url, protocol, no, goes_through) in [
        (&odd, Protocol::HttpProtobuf, "", true),
        (&odd, Protocol::HttpProtobuf, "a, 127.1", false),
        (&odd, Protocol::HttpProtobuf, "*", false),
        (&odd, Protocol::HttpProtobuf, "127.1:1", true),
        (&usual, Protocol::HttpProtobuf, "", false),
        // Plain gRPC is no HTTP/1.1.
        (&odd, Protocol::Grpc, "", false),
    ] {
        let before = proxy.heads().len();
        let settings = through(settings(url, protocol, Options::default()), &proxy, "user:hunter22@", no);
        delivered(&client(&settings).send(request()).await);
        assert_eq!(proxy.heads().len() - before, usize::from(goes_through), "{url} {protocol:?} {no}");
    }
    let received = collector.received();
    assert_eq!(received.iter().filter(|r| r.headers.contains_key("proxy-authorization")).count(), 2);
}

#[tokio::test]
async fn a_proxy_that_is_of_no_use_is_told_without_its_password() {
    let wants = Proxy::answering("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
    let forbids = Proxy::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    let closes = Proxy::answering(" ").await;
    for protocol in BOTH {
        let secured = || settings(&format!("https://{HOST}:4317"), protocol, Options::default());
        for (proxy, words) in [
            (&wants, "wants to know who we are (407); set user name and password in the proxy's variable"),
            (&forbids, "does not connect us to the collector; does it know the host, allow the port"),
            (&closes, "does not connect us to the collector; does it know the host, allow the port"),
        ] {
            let line = failure(&through(secured(), proxy, "user:hunter22@", "")).await;
            assert!(line.starts_with(&format!("the proxy http://127.0.0.1:{} {words}", proxy.port)), "{line}");
        }
        let nobody = Settings { proxies: Proxies::new("", "http://u:hunter22@127.0.0.1:1", ""), ..secured() };
        let line = failure(&nobody).await;
        let words = "the proxy http://127.0.0.1:1 cannot be reached: Connection refused (os error 111); is it right";
        assert!(line.starts_with(words), "{line}");
    }
    let plain = settings(&format!("http://{HOST}:4318"), Protocol::HttpProtobuf, Options::default());
    let line = failure(&through(plain, &wants, "", "")).await;
    assert!(line.starts_with("the proxy wants to know who we are (407); set user name"), "{line}");
}

#[tokio::test]
async fn requests_are_compressed_as_the_settings_say_and_decode_to_the_same_bytes() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        let key = if protocol == Protocol::Grpc { "grpc-encoding" } else { "content-encoding" };
        for (compression, name) in
            [(Compression::None, None), (Compression::Gzip, Some("gzip")), (Compression::Zstd, Some("zstd"))]
        {
            let settings = Settings { compression, ..settings(&collector.url(), protocol, Options::default()) };
            delivered(&client(&settings).send(request()).await);
            let last = collector.received().pop().unwrap();
            assert_eq!(last.raw, request());
            assert_eq!(last.headers.get(key).map(|value| value.to_str().unwrap()), name, "{protocol:?}");
            // Collectors answer compressed over gRPC if they were asked so.
            collector.answer([Answer::Partial(3, "too old, all three of them")]);
            let mut client = client(&settings);
            let rejected = Verdict::Acked { rejected: 3, message: "too old, all three of them".to_owned() };
            assert_eq!(client.send(request()).await, rejected, "{protocol:?} {name:?}");
            if protocol == Protocol::Grpc {
                collector.answer([Answer::Grpc(14, "busy"), Answer::GrpcLate(14)]);
                let busy = client.send(request()).await;
                assert!(matches!(&busy, Verdict::Retry { cause: Failure::Grpc { .. }, .. }), "{busy:?}");
                let busy = client.send(request()).await;
                assert!(matches!(&busy, Verdict::Retry { cause: Failure::Grpc { .. }, .. }), "{busy:?}");
                collector.answer([Answer::GrpcEndless]);
                let endless = client.send(request()).await;
                let taken = |message: &str| message.contains("was not read");
                assert!(matches!(&endless, Verdict::Acked { rejected: 0, message } if taken(message)), "{endless:?}");
            }
        }
    }
}
