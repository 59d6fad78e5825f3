//! What the store has to say.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::outbox::Pushed;

/// What has become of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It cannot be used: from now on, and until it can be, what is decided waits in memory and would be lost with the
    /// process. Said once, not again before it has recovered.
    Unusable {
        /// Which.
        directory: PathBuf,
        /// Why, and what helps.
        trouble: Trouble,
    },
    /// It can be used again, and everything is durable again.
    Recovered {
        /// Which.
        directory: PathBuf,
    },
    /// What was in it was damaged, and has been cut to what is intact.
    Damaged {
        /// Which.
        directory: PathBuf,
        /// What is left, and what is not.
        damage: Damage,
    },
    /// The oldest values had to go, because there was no more room (`outbox.max_bytes`), or because newer ones had been
    /// delivered while the directory could not be read.
    Dropped {
        /// How many.
        pushed: Pushed,
    },
}

/// Why a directory cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub(super) kind: TroubleKind,
    pub(super) cause: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// No room on the device.
    Full,
    /// Not allowed, or read-only.
    Denied,
    /// It is a file, or cannot be made.
    Directory,
    /// Another process has it.
    InUse,
    /// The device fails.
    Device,
    /// What is in it is damaged.
    Damaged,
}

/// What was found damaged, and what could be saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// What was wrong.
    pub cause: String,
    /// Batches that are still to be delivered.
    pub batches_kept: u64,
    /// Batches that are known to be lost.
    pub batches_lost: u64,
    /// Owners whose series are known.
    pub owners_kept: u64,
    /// Owners that are known to be lost: nobody will retract their series.
    pub owners_lost: u64,
}

/// Another process uses the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// Which.
    pub directory: PathBuf,
    /// The other process, if it could be found out.
    pub pid: Option<u32>,
}

impl Trouble {
    /// What whoever runs the agent can do.
    pub fn mend(&self) -> &'static str {
        match self.kind {
            TroubleKind::Full => "make room on the device, or lower outbox.max_bytes",
            TroubleKind::Denied => "let the agent's user write to the directory",
            TroubleKind::Directory => "name a directory that exists or can be made",
            TroubleKind::InUse => "give each agent a directory of its own",
            TroubleKind::Device => "see to the device",
            TroubleKind::Damaged => "see to the device; the agent cuts the store to what is intact by itself",
        }
    }

    pub(super) fn new(kind: TroubleKind, cause: impl fmt::Display) -> Self {
        Self { kind, cause: cause.to_string() }
    }

    pub(super) fn damaged(cause: impl fmt::Display) -> Self {
        Self::new(TroubleKind::Damaged, cause)
    }

    pub(super) fn is_damage(&self) -> bool {
        self.kind == TroubleKind::Damaged
    }

    /// What an operation of the system failed with.
    pub(super) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => TroubleKind::Full,
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => TroubleKind::Denied,
            Kind::NotADirectory | Kind::NotFound | Kind::IsADirectory | Kind::AlreadyExists => TroubleKind::Directory,
            _ => TroubleKind::Device,
        };
        Self::new(kind, format_args!("{what}: {error}"))
    }
}

impl From<redb::Error> for Trouble {
    /// Whatever is not the device's is what redb cannot make sense of.
    fn from(error: redb::Error) -> Self {
        match error {
            // redb asks for bytes that are not there: the file is shorter than it says itself.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::damaged(error),
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Self::damaged(error),
            redb::Error::Io(error) => Self::io("the store", &error),
            redb::Error::PreviousIo => Self::new(TroubleKind::Device, "the store failed before"),
            error => Self::damaged(error),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Trouble {}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, pid } = self;
        let directory = directory.display();
        match pid {
            Some(pid) => write!(f, "outbox.directory {directory} is in use by the process {pid}")?,
            None => write!(f, "outbox.directory {directory} is in use by another process")?,
        }
        f.write_str("; give each agent a directory of its own, or stop the other one")
    }
}

impl std::error::Error for InUse {}
