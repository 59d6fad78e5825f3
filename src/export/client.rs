//! Sends one request and gives the verdict, over the protocol that is set.

use std::error::Error;

use bytes::Bytes;
use http::Uri;

use super::classify::{Failure, Verdict, shown};
use super::grpc::GrpcClient;
use super::http::HttpClient;
use super::settings::{Protocol, Settings, SettingsError, shown_endpoint};
use crate::model::Text;
use crate::model::time::Clock;

/// The most that is read of an answer, in bytes. A proper one is some hundred at most.
pub(super) const LONGEST_ANSWER: usize = 64 << 10;

/// What requests say of their sender.
pub(super) const USER_AGENT: &str = concat!("dockpulse/", env!("CARGO_PKG_VERSION"));

/// Sends requests. Dropping the future aborts the request.
pub trait Transport: Send {
    /// Sends an `ExportMetricsServiceRequest` and waits for the answer, at most as long as the settings say.
    fn send(&mut self, request: Bytes) -> impl Future<Output = Verdict> + Send;

    /// Where to, without credentials.
    fn endpoint(&self) -> Text;

    /// Reads the credentials (headers, certificates) again, if they are in files. Whether they are others than those
    /// of the last request.
    fn refresh(&mut self) -> bool {
        false
    }

    /// Whether credentials are in files, so that others may follow without a restart.
    fn is_renewable(&self) -> bool {
        false
    }
}

/// The connection to a collector. It is made when it is needed, and anew after a failure.
#[derive(Debug)]
pub struct Client {
    endpoint: Text,
    protocol: Inner,
}

#[derive(Debug)]
enum Inner {
    Grpc(Box<GrpcClient>),
    Http(Box<HttpClient>),
}

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// An endpoint that is none.
    pub fn new(settings: &Settings, clock: Clock) -> Result<Self, SettingsError> {
        let uri: Uri = settings.uri()?;
        let endpoint = shown_endpoint(&uri);
        let protocol = match settings.protocol {
            Protocol::Grpc => Inner::Grpc(Box::new(GrpcClient::new(settings, uri)?)),
            Protocol::HttpProtobuf => Inner::Http(Box::new(HttpClient::new(settings, uri, clock))),
        };
        Ok(Self { endpoint, protocol })
    }
}

impl Transport for Client {
    async fn send(&mut self, request: Bytes) -> Verdict {
        match &mut self.protocol {
            Inner::Grpc(client) => client.send(request).await,
            Inner::Http(client) => client.send(request).await,
        }
    }

    fn endpoint(&self) -> Text {
        self.endpoint.clone()
    }
}

/// The failure of a connection, told by the last two errors of the chain: the outer ones only say “transport error”.
pub(super) fn broken(error: &(dyn Error + 'static), mend: impl Fn(&str) -> &'static str) -> Verdict {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    let mend = mend(&texts.join(": "));
    let text = shown(&texts.split_off(texts.len().saturating_sub(2)).join(": "));
    Verdict::Retry { after: None, cause: Failure::Connection { text, mend } }
}
