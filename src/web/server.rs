//! Listens, and answers reads. Everything from outside is capped: connections, heads, and the time each may take.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::answers::Answers;
use super::assets::Assets;
use super::guard::Guard;
use super::holder::holder;
use super::measures::Measures;
use super::progress::Progress;
use super::stream::Feed;
use crate::status::Handle;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 128;
/// The time a request's head may take, and the time between two requests of a kept connection.
const HEAD: Duration = Duration::from_secs(10);
/// The most that a request's head may be.
const HEAD_BYTES: usize = 16 << 10;
/// The most headers.
const HEADERS: usize = 64;
/// Who takes nothing of an answer for so long is let go.
const PATIENCE: Duration = Duration::from_secs(30);
/// At the end, answers that are under way get this time.
const GRACE: Duration = Duration::from_millis(500);
/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How it is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The machine's name. Who listens on more than loopback answers to it.
    pub host_name: String,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}; {mend}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// The system's words.
    pub cause: std::io::Error,
    /// What the user can do.
    pub mend: String,
}

/// The bound listener. Nothing is answered before [`Server::serve`] runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
}

impl Server {
    /// Binds the address; port 0 for any that is free.
    pub async fn bind(address: SocketAddr, options: Options) -> Result<Self, ListenError> {
        let failed = |cause: std::io::Error| ListenError { address, mend: mend(&cause, address.port()), cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, options })
    }

    /// Where it is, with the port that was given by the system.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page's address, for people of this machine.
    pub fn url(&self) -> String {
        let Self { address, .. } = self;
        match address.ip().is_unspecified() {
            true => format!("http://localhost:{}/", address.port()),
            false => format!("http://{address}/"),
        }
    }

    /// Whether others than this machine's users may read it: there is no password.
    pub fn is_open_to_others(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }

    /// Answers until `stop` is ready; then lets the answers that are under way end, for half a second at most.
    /// `measures` is asked with each look at `/metrics`.
    pub async fn serve(
        self,
        handle: Handle,
        measures: impl Fn() -> Measures + Send + Sync + 'static,
        stop: impl Future<Output = ()>,
    ) {
        let guard = Guard::new(!self.is_open_to_others(), &self.options.host_name);
        let (feed, streams) = Feed::new(&handle);
        let answers = Answers { guard, assets: Assets::new(), handle, streams, measures: Box::new(measures) };
        let (answers, places) = (Arc::new(answers), Arc::new(Semaphore::new(CONNECTIONS)));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let serving = async {
            loop {
                tokio::select! {
                    Some(_) = connections.join_next() => {}
                    accepted = accept(&self.listener, &places) => if let Some((stream, place)) = accepted {
                        connections.spawn(connection(stream, place, answers.clone(), graceful.watcher()));
                    },
                }
            }
        };
        let mut stop = pin!(stop);
        // The feed goes with this: the streams end.
        tokio::select! {
            () = &mut stop => {}
            () = serving => {}
            () = feed.run() => {}
        }
        drop(self.listener);
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
        connections.shutdown().await;
    }
}

fn mend(cause: &std::io::Error, port: u16) -> String {
    match cause.kind() {
        std::io::ErrorKind::AddrInUse => {
            let who = holder(port)
                .map_or_else(|| "another process has this port".to_owned(), |who| format!("{who} has this port"));
            format!("{who}: end it, or set status.listen to another port or to \"off\"")
        }
        std::io::ErrorKind::PermissionDenied => "set status.listen to a port above 1023".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => {
            "status.listen has to be an address of this machine, such as 127.0.0.1:9797 or 0.0.0.0:9797".to_owned()
        }
        _ => "set status.listen to ADDRESS:PORT, such as 127.0.0.1:9797, or to \"off\"".to_owned(),
    }
}

/// The next connection; `None` if there is none to be had now.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(_) => {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, _place: OwnedSemaphorePermit, answers: Arc<Answers>, watcher: Watcher) {
    // An event is whole when it is written: there is nothing to gain from waiting for more.
    let _ = stream.set_nodelay(true);
    let _ = limit_what_waits(&stream, PATIENCE);
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        // A read has no body that anybody wants.
        let response = answers.answer(&request.into_parts().0);
        async move { Ok::<_, Infallible>(response) }
    });
    let io = TokioIo::new(Progress::new(stream, PATIENCE));
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).max_headers(HEADERS);
    // A broken connection is the browser's to notice and to mend.
    let _ = watcher.watch(builder.serve_connection(io, service)).await;
}

/// What the kernel has taken for the other side may not wait longer either: many an answer fits into its buffers, and then
/// no write ever waits.
#[cfg(target_os = "linux")]
fn limit_what_waits(stream: &TcpStream, patience: Duration) -> std::io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(patience))
}

/// Elsewhere the kernel has its own limit.
#[cfg(not(target_os = "linux"))]
fn limit_what_waits(_stream: &TcpStream, _patience: Duration) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
