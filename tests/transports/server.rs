//! Engines that listen: the same few answers over TCP, with or without TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, Pair, server_config};

/// How a server speaks TLS.
pub(crate) struct Speaks {
    pub(crate) own: Pair,
    /// Who signs the clients that it lets in; `None`: everybody is let in.
    pub(crate) clients: Option<String>,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
}

impl Speaks {
    pub(crate) fn tls(own: Pair) -> Self {
        Self { own, clients: None, versions: rustls::ALL_VERSIONS.to_vec() }
    }

    pub(crate) fn only_clients_of(mut self, authority: &Authority) -> Self {
        self.clients = Some(authority.pem());
        self
    }

    pub(crate) fn with(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::new(server_config(&self.own, self.clients.as_deref(), &self.versions))
    }
}

/// A server; it ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
    speaks: watch::Sender<Option<Arc<ServerConfig>>>,
}

impl Server {
    /// In plain text.
    pub(crate) async fn plain() -> Self {
        Self::start(None, "127.0.0.1:0").await
    }

    /// With TLS.
    pub(crate) async fn tls(speaks: Speaks) -> Self {
        Self::start(Some(speaks.config()), "127.0.0.1:0").await
    }

    /// In plain text at an address.
    pub(crate) async fn plain_at(address: &str) -> std::io::Result<Self> {
        TcpListener::bind(address).await.map(drop)?;
        Ok(Self::start(None, address).await)
    }

    async fn start(config: Option<Arc<ServerConfig>>, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (speaks, config) = watch::channel(config);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let config = config.borrow().clone();
                connections.spawn(async move {
                    match config {
                        None => serve(stream).await,
                        Some(config) => {
                            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                                serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, _tasks: tasks, speaks }
    }

    /// Speaks otherwise on connections from now on.
    pub(crate) fn speak(&self, speaks: &Speaks) {
        self.speaks.send_replace(Some(speaks.config()));
    }

    /// `localhost:PORT`.
    pub(crate) fn by_name(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

/// Answers one request, and closes: the next one makes a connection of its own. What is no HTTP is told as Go's server
/// does, which the Docker engine has.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (mut head, mut some) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut some).await {
            Ok(read @ 1..) => head.extend_from_slice(&some[..read]),
            _ => return,
        }
        if !head.starts_with(b"GET ") {
            let bad = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request";
            let _ = stream.write_all(bad).await;
            let _ = stream.shutdown().await;
            return;
        }
    }
    let body = if head.starts_with(b"GET /_ping") { "OK" } else { "[]" };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
