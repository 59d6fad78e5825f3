//! Over real sockets.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::model::time::Clock;
use crate::status::Agent;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinSet<()>,
}

async fn serving() -> Serving {
    let server = Server::bind(ANY, Options::default()).await.expect("a port");
    let (address, (stop, stopped)) = (server.address(), oneshot::channel());
    let handle = Handle::new(Agent::default(), Clock::start(), Default::default);
    let mut done = JoinSet::new();
    done.spawn(server.serve(handle, Measures::default, async move { drop(stopped.await) }));
    Serving { address, stop, done }
}

impl Serving {
    /// All that is answered until the connection ends.
    async fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        // A refusal may reset what is still being sent.
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("an end");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn answers_and_closes_when_asked_to() {
    let serving = serving().await;
    let answer = serving.ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    let answer = serving.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_long_or_no_head_at_all_is_refused() {
    let serving = serving().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(40_000));
    assert!(!serving.ask(&long).await.contains("200 OK"));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert!(serving.ask(&many).await.starts_with("HTTP/1.1 431 "));
    assert!(serving.ask("\x16\x03\x01 hello\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_stream_ends_when_the_agent_does_and_nothing_waits_for_its_reader() {
    let Serving { address, stop, mut done } = serving().await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    let mut begun = [0; 15];
    stream.read_exact(&mut begun).await.expect("an answer");
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    let _ = stop.send(());
    tokio::time::timeout(Duration::from_secs(3), done.join_next()).await.expect("it ends");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("the end");
    assert!(String::from_utf8_lossy(&rest).contains("event: status\ndata: {"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_who_has_it() {
    let first = Server::bind(ANY, Options::default()).await.expect("a port");
    let error = Server::bind(first.address(), Options::default()).await.expect_err("taken").to_string();
    let pid = std::process::id();
    assert!(error.starts_with(&format!("cannot listen on {}: ", first.address())), "{error}");
    assert!(error.contains(&format!("(pid {pid}) has this port: end it, or set status.listen")), "{error}");
}

#[tokio::test]
async fn a_wrong_address_is_told_with_what_is_possible() {
    let error = Server::bind(([192, 0, 2, 1], 0).into(), Options::default()).await.expect_err("not ours").to_string();
    assert!(error.contains("status.listen has to be an address of this machine"), "{error}");
}

#[tokio::test]
async fn its_address_is_one_that_people_can_open() {
    let server = Server::bind(ANY, Options::default()).await.expect("a port");
    assert_eq!(server.url(), format!("http://127.0.0.1:{}/", server.address().port()));
    assert!(!server.is_open_to_others());
    let server = Server::bind((Ipv4Addr::UNSPECIFIED, 0).into(), Options::default()).await.expect("a port");
    assert_eq!(server.url(), format!("http://localhost:{}/", server.address().port()));
    assert!(server.is_open_to_others());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_takes_nothing_is_let_go_though_the_kernel_has_room_for_the_answer() {
    let listener = TcpListener::bind(ANY).await.expect("a port");
    let deaf = tokio::net::TcpSocket::new_v4().expect("a socket");
    deaf.set_recv_buffer_size(4096).expect("a small buffer");
    let (_deaf, accepted) = tokio::join!(deaf.connect(listener.local_addr().expect("an address")), listener.accept());
    let (mut stream, _) = accepted.expect("a connection");
    limit_what_waits(&stream, Duration::from_millis(300)).expect("a limit");
    stream.writable().await.expect("room");
    assert!(stream.try_write(&[0; 64 << 10]).expect("taken") > 8192, "more than its buffer holds");
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_u8()).await.expect("an end");
    assert_eq!(end.expect_err("nothing comes").kind(), std::io::ErrorKind::TimedOut);
}
