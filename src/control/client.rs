//! Asks a running agent.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http::Uri;
use tokio::net::{TcpStream, UnixStream};
use tonic::{Code, Status};

use super::address::Address;
use super::channel::Channel;
use super::operations::Described;
use super::report::Unreadable;
use super::server;
use super::v1::control_service_client::ControlServiceClient;
use super::v1::{self, GetContainerRequest, GetStatusRequest, WatchRequest};
use crate::status::{ContainerRow, Delta};
use crate::telemetry::escape::Shown;

/// Who is there is connected to within this time.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
/// What an agent knows it tells within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Why an agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is there.
    #[error(
        "no agent answers at {address}: is `dockpulse run` running, with this control.listen? --control ADDRESS asks elsewhere"
    )]
    NoAgent {
        /// Where.
        address: Address,
    },
    /// The socket is somebody else's.
    #[error("may not open {address}{}: its owner may, so run this as that user", owned(.owner))]
    NotAllowed {
        /// Where.
        address: Address,
        /// The number of the user whose it is, if that can be seen.
        owner: Option<u32>,
    },
    /// The system does not let it.
    #[error("cannot connect to {address}: {cause}")]
    Io {
        /// Where.
        address: Address,
        /// The system's words.
        cause: io::Error,
    },
    /// Somebody is there, and it is no agent.
    #[error("what answers at {address} does not speak the control API: is it a dockpulse's control.listen?")]
    NotAnAgent {
        /// Where.
        address: Address,
    },
    /// It does not answer.
    #[error("the agent at {address} does not answer within {} s: it may be stuck", .within.as_secs())]
    Silent {
        /// Where.
        address: Address,
        /// How long it was waited for.
        within: Duration,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It was asked for nonsense.
    #[error("{0}")]
    Refused(String),
    /// The agent ends, or has ended.
    #[error("the agent at {address} has ended")]
    Ended {
        /// Where it was.
        address: Address,
    },
    /// The agent answers that it cannot.
    #[error("the agent at {address}: {text}")]
    Failed {
        /// Where.
        address: Address,
        /// Its words.
        text: String,
    },
    /// Its answer cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

fn owned(owner: &Option<u32>) -> String {
    owner.map(|uid| format!(", which is user {uid}'s")).unwrap_or_default()
}

/// A connection to an agent.
#[derive(Debug, Clone)]
pub struct Client {
    calls: ControlServiceClient<Channel>,
    address: Address,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// No agent is there, or it is not this user's.
    pub async fn connect(address: &Address) -> Result<Self, Error> {
        let connecting = async {
            let stream = dial(address).await.map_err(|cause| unconnected(address, cause))?;
            Channel::open(stream).await.map_err(|_| Error::NotAnAgent { address: address.clone() })
        };
        let channel = within(address, CONNECTED_WITHIN, connecting).await?;
        let origin = match address {
            Address::Unix(_) => Uri::from_static("http://localhost"),
            Address::Tcp(to) => Uri::try_from(format!("http://{to}")).unwrap_or_default(),
        };
        Ok(Self { calls: ControlServiceClient::with_origin(channel, origin), address: address.clone() })
    }

    /// Where the agent is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What is going on, but for the containers.
    ///
    /// # Errors
    /// It does not tell.
    pub async fn status(&self) -> Result<Delta, Error> {
        let mut calls = self.calls.clone();
        let answer = self.told(async move { calls.get_status(GetStatusRequest {}).await }).await?;
        Ok(answer.into_inner().status.unwrap_or_default().into())
    }

    /// Everything.
    ///
    /// # Errors
    /// It does not tell.
    pub async fn snapshot(&self) -> Result<Delta, Error> {
        let telling = async {
            let mut parts = Box::pin(self.watch(0, Duration::ZERO).await?);
            let mut whole = Delta::default();
            loop {
                let part = parts.next().await.ok_or_else(|| self.ended())??;
                let revision = part.revision;
                if part.whole {
                    whole = part;
                } else {
                    whole.containers.extend(part.containers);
                    whole.revision = revision;
                }
                if revision != 0 {
                    return Ok(whole);
                }
            }
        };
        within(&self.address, TOLD_WITHIN, telling).await
    }

    /// Everything since a revision (0: everything), then what changes, at most one answer each `min_interval`.
    ///
    /// # Errors
    /// It does not tell. The stream ends with an error, too: when the agent ends, or is lost.
    pub async fn watch(
        &self,
        revision: u64,
        min_interval: Duration,
    ) -> Result<impl Stream<Item = Result<Delta, Error>> + Send + use<>, Error> {
        let mut calls = self.calls.clone();
        let request = WatchRequest { revision, min_interval_seconds: min_interval.as_secs_f64() };
        let answer = self.told(async move { calls.watch(request).await }).await?;
        let of = self.clone();
        Ok(answer.into_inner().map(move |answer| match answer {
            Ok(answer) => Ok(answer.delta.unwrap_or_default().into()),
            Err(status) => Err(of.failed(&status)),
        }))
    }

    /// All there is to say of one container that is watched.
    ///
    /// # Errors
    /// [`Error::NotFound`] if none is called so, [`Error::Refused`] if several are.
    pub async fn container(&self, text: &str) -> Result<Described, Error> {
        let mut calls = self.calls.clone();
        let request = GetContainerRequest { container: text.to_owned() };
        let answer = self.told(async move { calls.get_container(request).await }).await?.into_inner();
        let v1::GetContainerResponse { container, report } = answer;
        let row: ContainerRow = container.unwrap_or_default().into();
        Ok(Described { row, report: report.unwrap_or_default().try_into()? })
    }

    async fn told<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Error> {
        let call = async { call.await.map_err(|status| self.failed(&status)) };
        within(&self.address, TOLD_WITHIN, call).await
    }

    fn ended(&self) -> Error {
        Error::Ended { address: self.address.clone() }
    }

    fn failed(&self, status: &Status) -> Error {
        let (address, text) = (self.address.clone(), Shown(status.message()).to_string());
        match status.code() {
            Code::NotFound => Error::NotFound(text),
            Code::InvalidArgument => Error::Refused(text),
            Code::Unavailable => Error::Ended { address },
            Code::Unimplemented => Error::Failed { address, text: format!("{text}; it is of another version") },
            _ if is_broken(status) => Error::Ended { address },
            code => Error::Failed { address, text: format!("{code:?}: {text}") },
        }
    }
}

/// Whether the connection broke, rather than that the agent said something.
fn is_broken(status: &Status) -> bool {
    use std::error::Error as _;
    status.source().is_some()
}

async fn within<T>(
    address: &Address,
    limit: Duration,
    what: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let silent = || Error::Silent { address: address.clone(), within: limit };
    tokio::time::timeout(limit, what).await.unwrap_or_else(|_| Err(silent()))
}

async fn dial(address: &Address) -> io::Result<Box<dyn server::Stream>> {
    match address {
        Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream))
        }
    }
}

pub(super) fn unconnected(address: &Address, cause: io::Error) -> Error {
    let address = address.clone();
    match (cause.kind(), &address) {
        (io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused, _) => Error::NoAgent { address },
        (io::ErrorKind::PermissionDenied, Address::Unix(path)) => {
            let owner = fs::metadata(path).ok().map(|file| file.uid());
            Error::NotAllowed { address, owner }
        }
        _ => Error::Io { address, cause },
    }
}
