//! This host: where the outbox is, what is listened on, how many files may be open, who else runs here.

pub(super) mod access;
mod ask;
mod judge;
mod listening;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::outbox::durable::InUse;
use crate::status::Delta;

pub(super) use ask::ask;
pub(super) use judge::judge;

/// What the agent has on this host.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What the agent takes for the host's name.
    pub name: String,
    /// `outbox.directory`.
    pub outbox: Option<PathBuf>,
    /// `outbox.max_bytes`.
    pub max_bytes: u64,
    /// `outbox.memory_max_bytes`.
    pub memory_max_bytes: u64,
    /// The page.
    pub status: Listen,
    /// The control API.
    pub control: Listen,
    /// How many files the agent may have open at once, without streams of numbers.
    pub files: u64,
}

/// Where something is to be served.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Where.
    pub at: ListenAt,
    /// Whether that was set: then the agent does not run without.
    pub is_set: bool,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAt {
    /// None.
    Off,
    /// A port.
    Tcp(SocketAddr),
    /// A socket.
    Unix(PathBuf),
}

/// What was found.
#[derive(Debug)]
pub(super) struct Findings {
    /// `None` if it did not answer in time: a disk that hangs.
    pub(super) outbox: Option<Option<OutboxFound>>,
    pub(super) status: Place,
    pub(super) control: Place,
    /// The limit of open files; `None`: there is none.
    pub(super) open_files: Option<u64>,
    pub(super) in_container: bool,
    /// Other agents that run here.
    pub(super) agents: Vec<u32>,
}

/// The directory of the outbox.
#[derive(Debug)]
pub(super) struct OutboxFound {
    pub(super) folder: Folder,
    /// Who has it now.
    pub(super) in_use: io::Result<Option<InUse>>,
    /// What the store takes now.
    pub(super) size: u64,
    /// How much room there is besides.
    pub(super) free: Option<u64>,
}

/// A folder that is to be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Folder {
    /// It is there, and can be written to.
    Writable,
    /// It is not there, and can be made.
    Makeable,
    /// It cannot: the first folder that there is, and why.
    Closed(PathBuf, String),
}

/// What is where something is to be served.
#[derive(Debug)]
pub(super) enum Place {
    /// Nothing is to be served.
    Off,
    /// It can be had.
    Free,
    /// An agent runs there: what it says of itself, or at least its process.
    Agent(Option<Box<Delta>>, Option<u32>),
    /// Somebody else is there.
    Taken(String),
    /// It cannot be had.
    Denied(String),
}
