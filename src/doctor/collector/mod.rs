//! The collector: is its name known, does somebody listen, is the certificate believed, does it take an export?

mod ask;
mod instead;
mod judge;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::export::{Settings, Verdict};

pub(super) use ask::ask;
pub(super) use judge::judge;

/// Where the points go, and how.
#[derive(Debug)]
pub struct Subject {
    /// As the agent's export has it.
    pub settings: Settings,
}

/// What came of asking it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The proxy on the way, without credentials.
    pub(super) proxy: Option<String>,
    /// Whom the connection goes to: the collector, or the proxy.
    pub(super) host: String,
    pub(super) port: u16,
    /// Its addresses, or why there are none; nothing if it is one itself.
    pub(super) resolved: Option<Result<Vec<IpAddr>, String>>,
    /// The address that let us connect, with the time that it took.
    pub(super) connected: Option<Result<(SocketAddr, Duration), Unconnected>>,
    /// Whether the collector is believed, if it is behind TLS; else why not, and the mend.
    pub(super) secured: Option<Result<(), (String, String)>>,
    /// What it says to an export, and how long it took.
    pub(super) answer: Option<(Verdict, Duration)>,
    /// How it would take one, if not so.
    pub(super) instead: Option<instead::Way>,
}

/// Why nobody let us connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unconnected {
    /// Nobody listens.
    Refused,
    /// There was no answer.
    Silent,
    /// Something else.
    Other(String),
}
