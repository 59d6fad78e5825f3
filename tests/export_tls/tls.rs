//! Who is believed, who is let in, what each failure is called, and files that change.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;

use dockpulse::tls::Notice;
use rustls::version::{TLS12, TLS13};

use super::certificates::{Files, expired, not_yet, self_signed, write};
use super::collector::Answer;
use super::front::Front;
use super::*;

/// A collector behind TLS.
struct Behind {
    collector: Collector,
    front: Front,
}

impl Behind {
    async fn start(speaks: Arc<ServerConfig>) -> Self {
        let collector = Collector::start().await;
        let front = Front::start(speaks, address(&collector)).await;
        Self { collector, front }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.front.port)
    }
}

#[tokio::test]
async fn a_collector_of_our_authority_gets_requests_over_what_each_protocol_needs() {
    let authority = Authority::new("ca");
    let own = authority.server(&["localhost", "127.0.0.1"]);
    for (protocol, alpn) in [(Protocol::Grpc, "h2"), (Protocol::HttpProtobuf, "http/1.1")] {
        // A server that agrees on nothing is one that speaks what it speaks.
        for (protocols, agreed) in [(ALL, Some(alpn.as_bytes().to_vec())), (&[], None)] {
            let behind = Behind::start(speaks(&own, None, protocols)).await;
            let files = Files::new(&authority);
            for url in [behind.url(), behind.url().replace("localhost", "127.0.0.1")] {
                let mut client = client(&settings(&url, protocol, files.options()));
                delivered(&client.send(request()).await);
                delivered(&client.send(request()).await);
            }
            let received = behind.collector.received();
            assert!(received.len() == 4 && received.iter().all(|r| r.raw == request()));
            assert_eq!(behind.front.agreed(), [agreed.clone(), agreed], "one connection for each client");
        }
    }
}

#[tokio::test]
async fn a_client_is_let_in_with_its_certificate() {
    let authority = Authority::new("ca");
    for (protocol, version) in BOTH.into_iter().flat_map(|p| [(p, &TLS12), (p, &TLS13)]) {
        let own = authority.server(&["localhost"]);
        let behind = Behind::start(speaks_versions(&own, Some(&authority), ALL, &[version])).await;
        let files = Files::new(&authority).with(&authority.client());
        delivered(&client(&settings(&behind.url(), protocol, files.options())).send(request()).await);
    }
}

#[tokio::test]
async fn a_missing_or_foreign_client_certificate_is_told_whenever_the_collector_says_so() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (protocol, version) in BOTH.into_iter().flat_map(|p| [(p, &TLS12), (p, &TLS13)]) {
        let own = ours.server(&["localhost"]);
        let behind = Behind::start(speaks_versions(&own, Some(&ours), ALL, &[version])).await;
        let line = failure(&settings(&behind.url(), protocol, Files::new(&ours).options())).await;
        let mend = "it wants a client certificate, and there is none; set tls.cert_file and tls.key_file";
        assert_eq!(line, mend, "{protocol:?} {version:?}");
        let foreign = Files::new(&ours).with(&theirs.client());
        let line = failure(&settings(&behind.url(), protocol, foreign.options())).await;
        assert!(line.starts_with("it refuses the client certificate ("), "{protocol:?} {version:?}: {line}");
        assert!(behind.collector.received().is_empty());
    }
}

#[tokio::test]
async fn each_reason_not_to_believe_a_collector_is_told_with_its_mend_and_nothing_is_sent() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (own, words) in [
        (theirs.server(&["localhost"]), "its certificate is not signed by an authority in tls.ca_file; is tls.ca_file"),
        (self_signed(&["localhost"]), "its certificate is self-signed, and not in tls.ca_file; put that very"),
        (ours.odd(expired), "its certificate expired on 2001-12-31 00:00:00 UTC; renew it there"),
        (ours.odd(not_yet), "its certificate is not valid before 2999-01-01 00:00:00 UTC; is the clock right"),
        (ours.server(&["a.example"]), "its certificate is for a.example, not for localhost; use a name that it is for"),
    ] {
        let behind = Behind::start(speaks(&own, None, ALL)).await;
        let files = Files::new(&ours);
        for protocol in BOTH {
            let line = failure(&settings(&behind.url(), protocol, files.options())).await;
            assert!(line.starts_with(words), "{protocol:?}: {line}");
        }
        assert!(behind.collector.received().is_empty(), "{words}");
    }
}

#[tokio::test]
async fn files_of_no_use_are_told_and_used_when_they_are_mended() {
    let authority = Authority::new("ca");
    let behind = Behind::start(speaks(&authority.server(&["localhost"]), None, ALL)).await;
    for protocol in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = Some(folder.path().join("ca.pem"));
        let mut client = client(&settings(&behind.url(), protocol, Options { ca_file, ..Options::default() }));
        let line = words(client.send(request()).await);
        assert!(line.contains("ca.pem: there is no such file; is the path right"), "{line}");
        write(folder.path(), "ca.pem", &authority.pem());
        delivered(&client.send(request()).await);
    }
}

#[tokio::test]
async fn anyone_is_believed_only_if_that_is_asked_for() {
    let behind = Behind::start(speaks(&self_signed(&["elsewhere"]), None, ALL)).await;
    for protocol in BOTH {
        let options = Options { insecure_skip_verify: true, ..Options::default() };
        delivered(&client(&settings(&behind.url(), protocol, options)).send(request()).await);
    }
}

#[tokio::test]
async fn tls_on_a_plain_port_is_told_and_never_spoken_to_in_plain_text() {
    let collector = Collector::start().await;
    let files = Files::new(&Authority::new("ca"));
    for protocol in BOTH {
        let line = failure(&settings(&collector.url().replace("http:", "https:"), protocol, files.options())).await;
        let mend = "use http:// if nobody can listen in or change anything on the way";
        assert_eq!(line, format!("this port speaks plain text, not TLS; {mend}"), "{protocol:?}");
    }
    assert!(collector.received().is_empty());
}

#[tokio::test]
async fn plain_text_on_a_port_for_tls_is_told() {
    let authority = Authority::new("ca");
    let behind = Behind::start(speaks(&authority.server(&["localhost"]), None, ALL)).await;
    for protocol in BOTH {
        let url = behind.url().replace("https:", "http:");
        let line = failure(&settings(&url, protocol, Options::default())).await;
        assert!(line.starts_with("this port speaks TLS, not plain text; use https://"), "{protocol:?}: {line}");
    }
}

#[tokio::test]
async fn what_web_servers_say_to_plain_text_on_a_port_for_tls_is_no_answer_of_a_collector() {
    for answer in [
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<title>400 The plain HTTP request was sent to HTTPS port</title>",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let line = failure(&settings(&url, Protocol::HttpProtobuf, Options::default())).await;
        assert!(line.starts_with("this port speaks TLS, not plain text; use https://"), "{line}");
        server.join().unwrap();
    }
}

#[tokio::test]
async fn the_port_of_the_other_protocol_behind_tls_is_told() {
    let authority = Authority::new("ca");
    let files = Files::new(&authority);
    let own = authority.server(&["localhost"]);
    for (protocol, speaks_only, mend) in [
        (Protocol::Grpc, "http/1.1", "(usually 4318), set protocol: http/protobuf"),
        (Protocol::HttpProtobuf, "h2", "(usually 4317), set protocol: grpc"),
    ] {
        let behind = Behind::start(speaks(&own, None, &[speaks_only])).await;
        let line = failure(&settings(&behind.url(), protocol, files.options())).await;
        assert!(line.starts_with("it ended the TLS handshake (NoApplicationProtocol); "), "{line}");
        assert!(line.ends_with(mend), "{line}");
    }
}

#[tokio::test]
async fn certificates_that_change_on_both_sides_are_in_force_for_the_next_connection() {
    for protocol in BOTH {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let now = |authority: &Authority| speaks(&authority.server(&["localhost"]), Some(authority), ALL);
        let behind = Behind::start(now(&old)).await;
        let files = Files::new(&old).with(&old.client());
        let notices = Arc::new(Mutex::new(Vec::new()));
        let hear = notices.clone();
        let options = Options { alpn: protocol.alpn(), ..files.options() };
        let tls = Arc::new(ClientTls::new(options, move |notice| hear.lock().unwrap().push(notice)));
        let mut client = client(&Settings { tls, ..settings(&behind.url(), protocol, Options::default()) });
        delivered(&client.send(request()).await);

        behind.front.speak(now(&new));
        let mut line = words(client.send(request()).await);
        if !line.contains("certificate") {
            // The connection from before ended under the request.
            line = words(client.send(request()).await);
        }
        assert!(line.contains("not signed by an authority in tls.ca_file"), "{line}");

        let pair = new.client();
        write(files.folder(), "ca.pem", &new.pem());
        write(files.folder(), "cert.pem", &pair.cert);
        write(files.folder(), "key.pem", &pair.key);
        delivered(&client.send(request()).await);
        assert_eq!(*notices.lock().unwrap(), [Notice::Reloaded]);

        write(files.folder(), "cert.pem", "nonsense");
        behind.front.speak(now(&new));
        if let Verdict::Retry { .. } = client.send(request()).await {
            delivered(&client.send(request()).await);
        }
        let told = notices.lock().unwrap().clone();
        assert!(matches!(&told[1..], [Notice::Kept(_)]), "the old ones stay: {told:?}");
        assert!(fs::metadata(files.folder().join("cert.pem")).is_ok());
    }
}

#[tokio::test]
async fn a_client_certificate_that_is_refused_is_shown_anew_as_its_files_have_it_then() {
    let authority = Authority::new("ca");
    for (protocol, refusal) in
        [(Protocol::Grpc, Answer::Grpc(7, "who are you")), (Protocol::HttpProtobuf, Answer::Http(403, vec![], vec![]))]
    {
        let own = authority.server(&["localhost"]);
        let behind = Behind::start(speaks(&own, Some(&authority), ALL)).await;
        let files = Files::new(&authority).with(&authority.client());
        let mut client = client(&settings(&behind.url(), protocol, files.options()));
        assert!(client.is_renewable());
        delivered(&client.send(request()).await);
        delivered(&client.send(request()).await);
        behind.collector.answer([refusal]);
        assert!(matches!(client.send(request()).await, Verdict::Reauthenticate(_)));
        delivered(&client.send(request()).await);
        let connections: Vec<usize> = behind.collector.received().iter().map(|r| r.connection).collect();
        assert_eq!(connections, [0, 0, 0, 1], "{protocol:?}");
        let without = self::client(&settings(&behind.url(), protocol, Files::new(&authority).options()));
        assert!(!without.is_renewable());
    }
}
