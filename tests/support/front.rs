//! What may stand before a collector: TLS, which is taken off, and a proxy for HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// TLS before a server that speaks plain text. It ends when it is dropped.
pub(crate) struct Front {
    pub(crate) port: u16,
    speaks: watch::Sender<Arc<ServerConfig>>,
    agreed: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
    _tasks: JoinSet<()>,
}

impl Front {
    pub(crate) async fn start(speaks: Arc<ServerConfig>, behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (speaks, config) = watch::channel(speaks);
        let agreed = Arc::new(Mutex::new(Vec::new()));
        let (mut tasks, seen) = (JoinSet::new(), agreed.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (mut config, seen) = (config.clone(), seen.clone());
                let acceptor = TlsAcceptor::from(config.borrow_and_update().clone());
                connections.spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    seen.lock().unwrap().push(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec));
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut stream, &mut server) => {}
                        _ = config.changed() => {}
                    }
                });
            }
        });
        Self { port, speaks, agreed, _tasks: tasks }
    }

    /// Ends all connections; new ones are spoken to otherwise.
    pub(crate) fn speak(&self, speaks: Arc<ServerConfig>) {
        self.speaks.send_replace(speaks);
    }

    /// What was agreed on with each connection so far.
    pub(crate) fn agreed(&self) -> Vec<Option<Vec<u8>>> {
        self.agreed.lock().unwrap().clone()
    }
}

/// A proxy: every host that it is asked for is this one. It ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Lets everybody through.
    pub(crate) async fn start() -> Self {
        Self::answering("").await
    }

    /// Answers everything with `refusal`, unless that is empty.
    pub(crate) async fn answering(refusal: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (mut tasks, seen) = (JoinSet::new(), heads.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(pass(stream, seen.clone(), refusal));
            }
        });
        Self { port, heads, _tasks: tasks }
    }

    /// The heads of the requests that it had.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn pass(mut client: TcpStream, heads: Arc<Mutex<Vec<String>>>, refusal: &'static str) {
    let Some((head, rest)) = head(&mut client).await else { return };
    heads.lock().unwrap().push(head.clone());
    if !refusal.is_empty() {
        let _ = client.write_all(refusal.as_bytes()).await;
        let _ = client.shutdown().await;
        return;
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let authority = target.strip_prefix("http://").unwrap_or(target).split('/').next().unwrap();
    let port: u16 = authority.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    } else {
        let head = head.replacen(&format!("http://{authority}"), "", 1);
        server.write_all(head.as_bytes()).await.unwrap();
    }
    server.write_all(&rest).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// The head of a request, and what came with it.
async fn head(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            return Some((String::from_utf8(read).unwrap(), rest));
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}
