//! Sends one request and gives the verdict, over the protocol that is set.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderMap, Uri};

use super::classify::{Failure, Verdict, shown};
use super::connect::{Connector, Known};
use super::grpc::GrpcClient;
use super::headers::Headers;
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

    /// The collector does not let us in: reads the credentials again. Whether they are others than those that the last
    /// request had, so that it makes sense to send it once more at once.
    fn refresh(&mut self) -> bool {
        false
    }

    /// Whether credentials are in files, so that others may follow. A certificate is one, and belongs to a connection.
    fn is_renewable(&self) -> bool {
        false
    }
}

/// The connection to a collector. It is made when it is needed, and anew after a failure.
#[derive(Debug)]
pub struct Client {
    endpoint: Text,
    protocol: Inner,
    connector: Connector,
    headers: Headers,
    /// Whether a certificate is shown, from a file.
    shows_certificate: bool,
    clock: Clock,
    /// Those of the last request.
    sent: HeaderMap,
    /// Whether the collector refused them.
    refused: bool,
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
        let connector = Connector::new(settings);
        let shows_certificate = connector.shows_certificate(&uri);
        let protocol = match settings.protocol {
            Protocol::Grpc => Inner::Grpc(Box::new(GrpcClient::new(settings, uri, connector.clone())?)),
            Protocol::HttpProtobuf => Inner::Http(Box::new(HttpClient::new(settings, uri, connector.clone(), clock))),
        };
        let (headers, sent, refused) = (settings.headers.clone(), HeaderMap::new(), false);
        Ok(Self { endpoint, protocol, connector, headers, shows_certificate, clock, sent, refused })
    }
}

impl Inner {
    fn disconnect(&mut self) {
        match self {
            Self::Grpc(client) => client.disconnect(),
            Self::Http(client) => client.disconnect(),
        }
    }
}

impl Transport for Client {
    async fn send(&mut self, request: Bytes) -> Verdict {
        let now = self.clock.now().mono;
        self.sent = if self.refused { self.headers.read_again(now) } else { self.headers.at(now) };
        self.connector.forget();
        let verdict = match &mut self.protocol {
            Inner::Grpc(client) => client.send(request, &self.sent).await,
            Inner::Http(client) => client.send(request, &self.sent).await,
        };
        self.refused = matches!(verdict, Verdict::Reauthenticate(_));
        if self.refused && self.shows_certificate {
            // A renewed one is shown to the next connection only.
            self.protocol.disconnect();
        }
        if is_answer(&verdict) {
            self.connector.answered();
        }
        verdict
    }

    fn endpoint(&self) -> Text {
        self.endpoint.clone()
    }

    fn refresh(&mut self) -> bool {
        self.headers.read_again(self.clock.now().mono) != self.sent
    }

    fn is_renewable(&self) -> bool {
        self.headers.follows() || self.shows_certificate
    }
}

/// Why the collector said no, if it did.
fn cause(verdict: &Verdict) -> Option<&Failure> {
    match verdict {
        Verdict::Acked { .. } => None,
        Verdict::Retry { cause, .. }
        | Verdict::TooLarge(cause)
        | Verdict::Drop(cause)
        | Verdict::Reauthenticate(cause) => Some(cause),
    }
}

/// Whether it comes from the collector at all.
fn is_answer(verdict: &Verdict) -> bool {
    !matches!(cause(verdict), Some(Failure::Connection { .. } | Failure::Timeout(_)))
}

/// The failure of a connection: what the connection itself knows of it, else the last two errors of the chain: the
/// outer ones only say “transport error”.
pub(super) fn broken(
    connector: &Connector,
    error: &(dyn Error + 'static),
    mend: impl Fn(&str) -> &'static str,
) -> Verdict {
    if let Some(known) = connector.known() {
        return unconnected(known);
    }
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string().replace("tcp connect error", "cannot connect");
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    let whole = texts.join(": ");
    let mend = [mend(&whole), way(&whole)].into_iter().find(|m| !m.is_empty()).unwrap_or_default();
    let text = shown(&texts.split_off(texts.len().saturating_sub(2)).join(": "));
    Verdict::Retry { after: None, cause: Failure::Connection { text, mend } }
}

/// What to do where no protocol was spoken yet.
fn way(text: &str) -> &'static str {
    if text.contains("lookup address") {
        "is the name right? In a container: is the collector in the same network (compose: networks), under this name?"
    } else if ["unreachable", "No route", "timed out"].iter().any(|words| text.contains(words)) {
        "nobody answers there: is the address right, and does a firewall let us through?"
    } else {
        ""
    }
}

/// The failure of a connection, in its own words.
pub(super) fn unconnected(known: impl Into<Known>) -> Verdict {
    let Known { text, mend } = known.into();
    Verdict::Retry { after: None, cause: Failure::Connection { text: shown(&text), mend } }
}
