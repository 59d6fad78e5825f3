//! Connections to a collector: TCP, through a proxy where the environment names one, with TLS for `https://`.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

use super::proxy::{Proxies, Proxy};
use super::settings::{Protocol, Settings};
use crate::tls::{ClientTls, Failure};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Opens connections to a collector. Clones share what is known of the last failure.
#[derive(Clone)]
pub struct Connector {
    tcp: HttpConnector,
    tls: Arc<ClientTls>,
    proxies: Proxies,
    protocol: Protocol,
    fault: Fault,
}

/// What a connection knows of its failure, where the libraries on top of it lose or blur it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// What happened.
    pub(super) text: String,
    /// What may help; may be empty.
    pub(super) mend: &'static str,
}

/// Where connections leave that.
#[derive(Debug, Clone, Default)]
struct Fault(Arc<Mutex<Option<Known>>>);

impl Connector {
    /// A connector as the settings say; nothing is read or opened yet.
    pub fn new(settings: &Settings) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.timeout.max(Duration::from_millis(1))));
        let Settings { tls, proxies, protocol, .. } = settings;
        let (tls, proxies) = (tls.clone(), proxies.clone());
        Self { tcp, tls, proxies, protocol: *protocol, fault: Fault::default() }
    }

    /// `Proxy-Authorization` of requests to `to`, where they go to a proxy as they are.
    pub fn proxy_authorization(&self, to: &Uri) -> Option<HeaderValue> {
        if is_tls(to) { None } else { self.proxy(to)?.authorization() }
    }

    /// The proxy on the way to `to`, if there is one, without credentials.
    pub fn through(&self, to: &Uri) -> Option<Uri> {
        self.proxy(to)?.to_string().parse().ok()
    }

    /// Why the last connection failed or broke, and what mends it (may be empty), if it was its own fault.
    pub fn cause(&self) -> Option<(String, &'static str)> {
        self.fault.get().map(|Known { text, mend }| (text, mend))
    }

    /// Why the last connection failed or broke, with what mends it, if it was its own fault.
    pub fn failure(&self) -> Option<String> {
        let Known { text, mend } = self.fault.get()?;
        Some(if mend.is_empty() { text } else { format!("{text}; {mend}") })
    }

    /// The same.
    pub(super) fn known(&self) -> Option<Known> {
        self.fault.get()
    }

    /// A request begins: what was known is about others.
    pub(super) fn forget(&self) {
        self.fault.set(None);
    }

    /// The collector talks to us: whatever it wants of us it has.
    pub(super) fn answered(&self) {
        self.tls.answered();
    }

    /// Whether the collector at `to` is shown a certificate, if it asks for one.
    pub(super) fn shows_certificate(&self, to: &Uri) -> bool {
        is_tls(to) && self.tls.options().cert_file.is_some()
    }

    /// Plain gRPC cannot be handed to a proxy for HTTP/1.1, and goes by no tunnel: those are for TLS.
    fn proxy(&self, to: &Uri) -> Option<Proxy> {
        let goes = is_tls(to) || self.protocol == Protocol::HttpProtobuf;
        if goes { self.proxies.for_address(to) } else { None }
    }

    async fn dial(mut self, to: Uri) -> Result<Wire, BoxError> {
        self.fault.set(None);
        let Some(proxy) = self.proxy(&to) else {
            let stream = self.tcp(to.clone()).await?;
            return self.secured(&to, stream).await;
        };
        if !is_tls(&to) {
            let stream = self.tcp(proxy.uri().clone()).await.map_err(|error| self.unreached(&proxy, &*error))?;
            return Ok(Wire { is_proxy: true, ..self.wire(Box::new(stream), None) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(value) = proxy.authorization() {
            tunnel = tunnel.with_auth(value);
        }
        let ready = poll_fn(|cx| Service::<Uri>::poll_ready(&mut tunnel, cx)).await;
        let stream = match ready {
            Ok(()) => tunnel.call(to.clone()).await,
            Err(error) => Err(error),
        };
        let stream = stream.map_err(|error| self.unreached(&proxy, &error))?;
        self.secured(&to, stream.into_inner()).await
    }

    async fn tcp(&mut self, to: Uri) -> Result<TcpStream, BoxError> {
        poll_fn(|cx| self.tcp.poll_ready(cx)).await?;
        Ok(self.tcp.call(to).await?.into_inner())
    }

    async fn secured(&self, to: &Uri, stream: TcpStream) -> Result<Wire, BoxError> {
        if !is_tls(to) {
            return Ok(self.wire(Box::new(stream), None));
        }
        match self.tls.connect(bare(to), stream).await {
            Ok(stream) => Ok(self.wire(Box::new(stream), Some(self.tls.clone()))),
            Err(error) => {
                self.fault.set(Failure::of(&error, &self.tls).map(|failure| known(&failure, self.protocol)));
                Err(error.into())
            }
        }
    }

    fn wire(&self, stream: Box<dyn Duplex>, tls: Option<Arc<ClientTls>>) -> Wire {
        let (fault, protocol) = (self.fault.clone(), self.protocol);
        Wire { stream, tls, protocol, fault, is_proxy: false, is_fresh: true }
    }

    /// Notes that the proxy is of no use.
    fn unreached(&self, proxy: &Proxy, error: &(dyn StdError + 'static)) -> BoxError {
        let known = unreached(proxy, error);
        let text = known.text.clone();
        self.fault.set(Some(known));
        text.into()
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let dial = self.clone().dial(to);
        Box::pin(async move { dial.await.map(TokioIo::new) })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("tls", &self.tls).field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

impl Fault {
    fn get(&self) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, known: Option<Known>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Keeps what is known already.
    fn note(&self, known: Option<Known>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = kept.take().or(known);
    }
}

fn is_tls(to: &Uri) -> bool {
    to.scheme_str() == Some("https")
}

/// The host, without brackets around an IPv6 address.
fn bare(to: &Uri) -> &str {
    let host = to.host().unwrap_or_default();
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

/// TLS failures in words, with the mends that are a collector's.
fn known(failure: &Failure, protocol: Protocol) -> Known {
    let mend = match (failure, protocol) {
        (Failure::PlainText, _) => "use http:// if nobody can listen in or change anything on the way",
        (Failure::Alert(alert), Protocol::Grpc) if alert == NO_PROTOCOL => {
            "it does not speak gRPC: if it is the port for OTLP over HTTP (usually 4318), set protocol: http/protobuf"
        }
        (Failure::Alert(alert), Protocol::HttpProtobuf) if alert == NO_PROTOCOL => {
            "it does not speak HTTP/1.1: if it is the port for OTLP over gRPC (usually 4317), set protocol: grpc"
        }
        _ => failure.mend(),
    };
    Known { text: failure.to_string(), mend }
}

/// The alert of a peer that speaks none of the protocols that we do.
const NO_PROTOCOL: &str = "NoApplicationProtocol";

/// The library's words say where it stopped, and no more.
fn unreached(proxy: &Proxy, error: &(dyn StdError + 'static)) -> Known {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let cause = deepest.to_string();
    let (what, mend) = match cause.as_str() {
        "tunnel error: proxy authorization required" => (WANTS_CREDENTIALS.0.to_owned(), WANTS_CREDENTIALS.1),
        "tunnel error: unsuccessful" => (
            "does not connect us to the collector".to_owned(),
            "does it know the host, allow the port, and the method CONNECT? NO_PROXY names hosts that need no proxy",
        ),
        "tunnel error: unexpected end of file" => ("closed the connection".to_owned(), "is that a proxy for HTTP?"),
        _ => (
            format!("cannot be reached: {cause}"),
            "is it right, and does it run? NO_PROXY names hosts that need no proxy",
        ),
    };
    Known { text: format!("the proxy {proxy} {what}"), mend }
}

/// What a proxy that refuses us does, and the mend.
pub(super) const WANTS_CREDENTIALS: (&str, &str) = (
    "wants to know who we are (407)",
    "set user name and password in the proxy's variable: http://USER:PASSWORD@HOST:PORT",
);

/// What bytes go in and out of.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// One connection.
pub struct Wire {
    stream: Box<dyn Duplex>,
    tls: Option<Arc<ClientTls>>,
    protocol: Protocol,
    fault: Fault,
    /// Whether requests on it are for a proxy, and name the whole address.
    is_proxy: bool,
    /// Nothing was read yet.
    is_fresh: bool,
}

impl Wire {
    /// With TLS 1.3 a peer refuses our certificate only at the first read.
    fn failed(&self, error: &io::Error) {
        if let Some(tls) = &self.tls {
            self.fault.note(Failure::of(error, tls).map(|failure| known(&failure, self.protocol)));
        }
    }

    /// Whoever takes nothing from the first may have said why, and that may be on its way still: it is waited for.
    fn unwritten<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let Poll::Ready(Err(error)) = polled else { return polled };
        self.failed(&error);
        if self.is_fresh {
            let mut some = [0; 16];
            let mut said = ReadBuf::new(&mut some);
            match Pin::new(&mut self.stream).poll_read(cx, &mut said) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.first(said.filled()),
                Poll::Ready(Err(other)) => self.failed(&other),
            }
        }
        Poll::Ready(Err(error))
    }

    /// Looks at what comes first.
    fn first(&mut self, bytes: &[u8]) {
        if !std::mem::take(&mut self.is_fresh) {
            return;
        }
        match &self.tls {
            Some(tls) if bytes.is_empty() && tls.lacks_certificate() => {
                self.fault.note(Some(known(&Failure::Wanted, self.protocol)));
            }
            // An alert, in any version of TLS.
            None if bytes.starts_with(&[0x15, 3]) => self.fault.note(Some(SPEAKS_TLS.into())),
            _ => {}
        }
    }
}

/// Plain text on a port for TLS, and the mend.
pub(super) const SPEAKS_TLS: (&str, &str) =
    ("this port speaks TLS, not plain text", "use https://, and export.tls.ca_file if its authority is your own");

impl From<(&'static str, &'static str)> for Known {
    fn from((text, mend): (&'static str, &'static str)) -> Self {
        Self { text: text.to_owned(), mend }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_proxy)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        match &polled {
            Poll::Ready(Ok(())) => self.first(buf.filled().get(before..).unwrap_or_default()),
            Poll::Ready(Err(error)) => self.failed(error),
            Poll::Pending => {}
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.unwritten(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.unwritten(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.unwritten(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
