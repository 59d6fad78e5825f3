//! TLS: who is believed, who is let in, what each failure is called, and files that change.

use std::fs;
use std::sync::{Arc, Mutex};

use dockpulse::engine::docker::DockerEngine;
use dockpulse::engine::{Address, Engine};
use dockpulse::tls::{ClientTls, Notice, Options};
use rustls::version::{TLS12, TLS13};

use super::certificates::{Authority, Files, Pair, expired, for_clients, not_yet, self_signed, write};
use super::server::{Server, Speaks};
use super::{engine, failure};

/// What became of changed files.
type Notices = Arc<Mutex<Vec<Notice>>>;

/// An engine behind TLS, and what it tells of its certificates.
fn tls(host: &str, options: Options) -> (DockerEngine, Notices) {
    let notices = Notices::default();
    let hear = notices.clone();
    let client = ClientTls::new(options, move |notice| hear.lock().unwrap().push(notice));
    let address = Address::Tls(host.to_owned(), Arc::new(client));
    (engine(&format!("https://{host}"), address), notices)
}

fn options(files: &Files) -> Options {
    Options { alpn: &["http/1.1"], ..files.options() }
}

/// Pings a server that shows `own`, trusting `ca`; gives the words after the endpoint.
async fn said(own: Pair, ca: &str) -> String {
    let server = Server::tls(Speaks::tls(own)).await;
    let files = Files::believing(ca);
    let (engine, _) = tls(&server.by_name(), options(&files));
    let line = failure(&engine).await;
    line.strip_prefix(&format!("cannot connect to https://{}: ", server.by_name())).unwrap().to_owned()
}

#[tokio::test]
async fn a_server_of_our_authority_is_believed_by_name_and_by_address() {
    let authority = Authority::new("ca");
    for version in [&TLS12, &TLS13] {
        let speaks = Speaks::tls(authority.server(&["localhost", "127.0.0.1"])).with(version);
        let server = Server::tls(speaks).await;
        let files = Files::new(&authority);
        for host in [server.by_name(), server.address.to_string()] {
            let (engine, notices) = tls(&host, options(&files));
            engine.ping().await.unwrap();
            engine.connect().await.unwrap();
            assert!(notices.lock().unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn each_reason_not_to_believe_a_server_is_told_with_its_mend() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let ca = ours.pem();
    assert_eq!(
        said(theirs.server(&["localhost"]), &ca).await,
        "its certificate is not signed by an authority in tls.ca_file; is tls.ca_file that of this peer, or is somebody in between?"
    );
    assert_eq!(
        said(self_signed(&["localhost"]), &ca).await,
        "its certificate is self-signed, and not in tls.ca_file; put that very certificate into tls.ca_file, if it is the right one"
    );
    assert_eq!(
        said(ours.odd(expired), &ca).await,
        "its certificate expired on 2001-12-31 00:00:00 UTC; renew it there"
    );
    assert_eq!(
        said(ours.odd(not_yet), &ca).await,
        "its certificate is not valid before 2999-01-01 00:00:00 UTC; is the clock right, here and there?"
    );
    assert_eq!(
        said(ours.server(&["a.example", "10.1.2.3"]), &ca).await,
        "its certificate is for a.example, 10.1.2.3, not for localhost; use a name that it is for, or make one with that name (subjectAltName)"
    );
    assert_eq!(
        said(ours.odd(for_clients), &ca).await,
        "its certificate is not for servers (extended key usage serverAuth); make one for servers"
    );
    assert_eq!(
        said(ours.as_server(), &ca).await,
        "its certificate is that of an authority (CA:TRUE), which must not stand for a server; make a server certificate, signed by it"
    );
}

#[tokio::test]
async fn a_self_signed_certificate_is_believed_if_it_is_the_ca_file() {
    let own = self_signed(&["localhost"]);
    let server = Server::tls(Speaks::tls(own.clone())).await;
    let files = Files::believing(&own.cert);
    tls(&server.by_name(), options(&files)).0.ping().await.unwrap();
}

#[tokio::test]
async fn anyone_is_believed_only_if_that_is_asked_for() {
    let server = Server::tls(Speaks::tls(self_signed(&["elsewhere"]))).await;
    let options = Options { insecure_skip_verify: true, ..Options::default() };
    tls(&server.by_name(), options).0.ping().await.unwrap();
}

#[tokio::test]
async fn a_client_is_let_in_with_its_certificate() {
    let authority = Authority::new("ca");
    for version in [&TLS12, &TLS13] {
        let speaks = Speaks::tls(authority.server(&["localhost"])).only_clients_of(&authority).with(version);
        let server = Server::tls(speaks).await;
        let files = Files::new(&authority).with(&authority.client());
        tls(&server.by_name(), options(&files)).0.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_or_another_one_is_told_whenever_it_says_so() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for version in [&TLS12, &TLS13] {
        let speaks = Speaks::tls(ours.server(&["localhost"])).only_clients_of(&ours).with(version);
        let server = Server::tls(speaks).await;
        let none = Files::new(&ours);
        let line = failure(&tls(&server.by_name(), options(&none)).0).await;
        let mend = "it wants a client certificate, and there is none; set tls.cert_file and tls.key_file";
        assert!(line.ends_with(mend), "{line}");
        let foreign = Files::new(&ours).with(&theirs.client());
        let line = failure(&tls(&server.by_name(), options(&foreign)).0).await;
        assert!(line.contains(": it refuses the client certificate ("), "{line}");
        assert!(line.ends_with("is tls.cert_file in force, for clients, and signed by the authority that it trusts?"));
    }
}

#[tokio::test]
async fn a_port_without_tls_is_told_and_never_spoken_to_in_plain_text() {
    let server = Server::plain().await;
    let files = Files::new(&Authority::new("ca"));
    let host = server.address.to_string();
    assert_eq!(
        failure(&tls(&host, options(&files)).0).await,
        format!(
            "cannot connect to https://{host}: this port speaks plain text, not TLS; use tcp:// if nobody can listen in or change anything on the way"
        )
    );
}

#[tokio::test]
async fn a_connection_that_ends_during_the_handshake_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let files = Files::new(&Authority::new("ca"));
    let (engine, _) = tls(&host, options(&files));
    let close = async {
        use tokio::io::AsyncReadExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    };
    let (line, ()) = tokio::join!(failure(&engine), close);
    assert!(line.contains(": it closed the connection during the TLS handshake; is that the right port"), "{line}");
}

#[tokio::test]
async fn files_that_change_are_in_force_for_the_next_connection() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let speaks = |authority: &Authority| Speaks::tls(authority.server(&["localhost"])).only_clients_of(authority);
    let server = Server::tls(speaks(&old)).await;
    let files = Files::new(&old).with(&old.client());
    let (engine, notices) = tls(&server.by_name(), options(&files));
    engine.ping().await.unwrap();
    server.speak(&speaks(&new));
    assert!(failure(&engine).await.contains("not signed by an authority in tls.ca_file"));

    let client = new.client();
    write(files.folder(), "ca.pem", &new.pem());
    write(files.folder(), "cert.pem", &client.cert);
    write(files.folder(), "key.pem", &client.key);
    engine.ping().await.unwrap();
    engine.ping().await.unwrap();
    assert_eq!(*notices.lock().unwrap(), [Notice::Reloaded]);
}

#[tokio::test]
async fn new_files_that_are_of_no_use_are_told_once_and_the_old_ones_stay() {
    let authority = Authority::new("ca");
    let speaks = Speaks::tls(authority.server(&["localhost"])).only_clients_of(&authority);
    let server = Server::tls(speaks).await;
    let pair = authority.client();
    let files = Files::new(&authority).with(&pair);
    let (engine, notices) = tls(&server.by_name(), options(&files));
    engine.ping().await.unwrap();

    write(files.folder(), "cert.pem", &authority.client().cert);
    engine.ping().await.unwrap();
    engine.ping().await.unwrap();
    let told: Vec<Notice> = notices.lock().unwrap().drain(..).collect();
    let [Notice::Kept(error)] = &told[..] else { panic!("told once: {told:?}") };
    assert!(error.to_string().contains("key.pem: the key does not belong to tls.cert_file"), "{error}");

    fs::remove_file(files.folder().join("ca.pem")).unwrap();
    engine.ping().await.unwrap();
    write(files.folder(), "ca.pem", &authority.pem());
    write(files.folder(), "cert.pem", &pair.cert);
    engine.ping().await.unwrap();
    let told: Vec<Notice> = notices.lock().unwrap().drain(..).collect();
    assert!(matches!(&told[..], [Notice::Kept(_), Notice::Reloaded]), "{told:?}");
}

#[tokio::test]
async fn files_that_are_missing_at_first_are_used_when_they_are_there() {
    let authority = Authority::new("ca");
    let server = Server::tls(Speaks::tls(authority.server(&["localhost"]))).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (engine, _) = tls(&server.by_name(), Options { ca_file: Some(ca.clone()), ..Options::default() });
    let line = failure(&engine).await;
    assert!(
        line.contains(&format!("tls.ca_file {}: there is no such file; is the path right", ca.display())),
        "{line}"
    );
    fs::write(&ca, authority.pem()).unwrap();
    engine.ping().await.unwrap();
}
