//! What an engine tells of itself, its events and its failures.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::Text;
use super::container::{ContainerId, Health};

/// An engine as it describes itself at connect. `None`: it does not tell, or a proxy forbids to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// The API version that is spoken with it.
    pub api: ApiVersion,
    /// Its own version, for people.
    pub version: Option<Text>,
    /// `docker` or `podman`.
    pub runtime: Option<Text>,
    /// The host's name.
    pub host_name: Option<Text>,
    /// The host's architecture in the words of the semantic conventions (`amd64`, `arm64`, …).
    pub host_arch: Option<Text>,
    /// The host's memory in bytes.
    pub memory_total: Option<i64>,
    /// The release of the host's kernel.
    pub kernel: Option<Text>,
    /// The version of the host's control groups, `1` or `2`.
    pub cgroup_version: Option<Text>,
    /// Who sets them up: `systemd`, `cgroupfs`, or `none` where there are no numbers at all.
    pub cgroup_driver: Option<Text>,
    /// Whether it runs without root's rights.
    pub rootless: Option<bool>,
    /// Why `/version` is kept back, if it is.
    pub version_withheld: Option<EngineError>,
    /// Why `/info` is kept back, if it is.
    pub info_withheld: Option<EngineError>,
}

/// A version of the Docker API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// 1 to this day.
    pub major: u16,
    /// From 41 on a sample can be had in one shot.
    pub minor: u16,
}

impl ApiVersion {
    /// The newest whose answers were read for this version of dockpulse.
    pub const NEWEST: Self = Self { major: 1, minor: 52 };
    /// The first that knows `one-shot`.
    pub const ONE_SHOT: Self = Self { major: 1, minor: 41 };

    /// Reads `1.47`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl Default for ApiVersion {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What is read besides what all need: a label or variable that is not named here never enters the process' memory
/// beyond the decoder, and so never leaves the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Keys of labels.
    pub labels: BTreeSet<String>,
    /// Names of variables.
    pub env: BTreeSet<String>,
    /// Whether [`super::sample::Detail`] and [`super::container::MoreDetails`] are wanted.
    pub detail: bool,
}

/// How one sample is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// One set of numbers at once (API 1.41 and later).
    OneShot,
    /// The engine waits for two sets; every engine knows it.
    TwoSample,
    /// One stream of numbers a container, of which the newest is taken.
    Stream {
        /// How often one is taken: the interval of the probe.
        every: Duration,
    },
}

impl Source {
    /// The source that is used where `wanted` is set (`None`: the cheapest that works), with an engine of this version.
    pub fn used(wanted: Option<Self>, api: ApiVersion) -> Self {
        match wanted {
            None | Some(Self::OneShot) if api >= ApiVersion::ONE_SHOT => Self::OneShot,
            None | Some(Self::OneShot) => Self::TwoSample,
            Some(other) => other,
        }
    }

    /// How long the engine takes on purpose until it answers, beside any deadline. A two-sample call waits for a second
    /// set of numbers. Docker 20.10, which API 1.41 belongs to, answers one-shot calls at its next tick. A stream brings
    /// the next numbers within a second or two; Podman's every five seconds.
    pub fn waits(self, engine: &EngineInfo) -> Duration {
        let seconds = match self {
            Self::OneShot if engine.api > ApiVersion::ONE_SHOT => 0,
            Self::OneShot | Self::TwoSample => 2,
            Self::Stream { .. } if engine.runtime.as_deref() == Some("podman") => 6,
            Self::Stream { .. } => 2,
        };
        Duration::from_secs(seconds)
    }
}

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// The container.
    pub container: ContainerId,
    /// What happened.
    pub action: Action,
}

/// What an event says. Actions that change nothing we show are left out where they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It was made.
    Create,
    /// It runs.
    Start,
    /// Its first process ended.
    Die {
        /// With this status, if the event tells.
        exit_code: Option<i64>,
    },
    /// It is no more.
    Destroy,
    /// It has another name.
    Rename,
    /// The kernel killed one of its processes for memory.
    Oom,
    /// Its health check says otherwise than before.
    Health(Option<Health>),
    /// It was frozen.
    Pause,
    /// It was thawed.
    Unpause,
    /// Its limits changed.
    Update,
    /// A network was connected or disconnected.
    Network,
}

/// Why a call to the engine gave nothing usable. Says what was wrong, not which engine: whoever logs it adds that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No connection.
    #[error("cannot connect to {endpoint}: {cause}{}", hint(.mend))]
    Connect {
        /// Where to.
        endpoint: Text,
        /// The system's words.
        cause: Text,
        /// What the user can do; may be empty.
        mend: Text,
    },
    /// The answer is an error.
    #[error("GET {path} answered {status}{}{}", said(.message), hint(status_mend(*.status)))]
    Status {
        /// The path that was asked for, without ids.
        path: &'static str,
        /// The HTTP status.
        status: u16,
        /// The engine's words, cut to a sane length.
        message: Text,
    },
    /// The whole answer did not come in time.
    #[error("GET {path} gave no whole answer within {}", seconds(*.after))]
    Timeout {
        /// The path that was asked for, without ids.
        path: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// The connection broke.
    #[error("GET {path}: the connection broke: {cause}")]
    Broken {
        /// The path that was asked for, without ids.
        path: &'static str,
        /// The system's words.
        cause: Text,
    },
    /// The answer is larger than a sane engine's can be.
    #[error("GET {path}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// The path that was asked for, without ids.
        path: &'static str,
        /// The cap.
        limit: usize,
    },
    /// The answer cannot be read. Its text is not repeated: it may hold secrets.
    #[error("GET {path}: the answer is not what the Docker API says: {cause}")]
    Decode {
        /// The path that was asked for, without ids.
        path: &'static str,
        /// Where the reader stopped, without the text.
        cause: Text,
    },
    /// A stopping or restarting container answers with zeros.
    #[error("the engine has no numbers for it now")]
    NoData,
}

impl EngineError {
    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What the user can do, as it stands at the end of the message; may be empty.
    pub fn mend(&self) -> &str {
        match self {
            Self::Connect { mend, .. } => mend,
            Self::Status { status, .. } => status_mend(*status),
            _ => "",
        }
    }

    /// Whether whoever guards the engine does not let this call through (a socket proxy), so that asking again is
    /// no use.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403 | 405 | 501))
    }
}

fn hint(mend: &str) -> String {
    if mend.is_empty() { String::new() } else { format!("; {mend}") }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({})", message.escape_debug()) }
}

fn seconds(d: Duration) -> String {
    format!("{:.1} s", d.as_secs_f64())
}

fn status_mend(status: u16) -> &'static str {
    match status {
        401 | 403 => "whatever guards this engine (a socket proxy?) has to let it through",
        404 => "is this a Docker engine?",
        _ => "",
    }
}

/// A sample's answer: the numbers, or why there are none.
pub type Answer<T> = Result<T, EngineError>;
