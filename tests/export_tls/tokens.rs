//! Headers that follow files.

use dockpulse::export::{Headers, ReadAgain};

use super::certificates::write;
use super::collector::Answer;
use super::*;

#[tokio::test]
async fn a_token_that_was_refused_is_read_again_before_the_next_request() {
    for (protocol, refusal) in [
        (Protocol::Grpc, Answer::Grpc(16, "token expired")),
        (Protocol::Grpc, Answer::Grpc(7, "token expired")),
        (Protocol::HttpProtobuf, Answer::Http(401, vec![], vec![])),
        (Protocol::HttpProtobuf, Answer::Http(403, vec![], vec![])),
    ] {
        let collector = Collector::start().await;
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "token", "one");
        let read: ReadAgain = Arc::new(move || std::fs::read_to_string(&file).map_err(|e| e.to_string()));
        let headers =
            Headers::following([("authorization", "one")], vec![("authorization".to_owned(), read)], |_| ()).unwrap();
        let mut client = client(&Settings { headers, ..settings(&collector.url(), protocol, Options::default()) });
        delivered(&client.send(request()).await);
        assert!(!client.refresh(), "nothing has changed");

        // It was looked at a moment ago, so the new one is not seen at once.
        write(folder.path(), "token", "two");
        collector.answer([refusal]);
        assert!(!matches!(client.send(request()).await, Verdict::Acked { .. }));
        assert!(client.refresh(), "another than the one that was refused");
        delivered(&client.send(request()).await);
        write(folder.path(), "token", "three");
        collector.answer([Answer::Grpc(16, "").clone()].into_iter().filter(|_| protocol == Protocol::Grpc));
        collector
            .answer([Answer::Http(401, vec![], vec![])].into_iter().filter(|_| protocol == Protocol::HttpProtobuf));
        assert!(!matches!(client.send(request()).await, Verdict::Acked { .. }));
        delivered(&client.send(request()).await);
        assert!(!client.refresh());

        let received = collector.received();
        let sent: Vec<&[u8]> = received.iter().map(|r| r.headers["authorization"].as_bytes()).collect();
        assert_eq!(sent, [&b"one"[..], b"one", b"two", b"two", b"three"], "{protocol:?}");
    }
}
