//! How loud and how often an event is said.

use std::hash::{DefaultHasher, Hash, Hasher};

use tracing::Level;

use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::container::ContainerId;

use super::{Event, Feature, Signal};

/// What a trouble is the trouble of: the same one is not said each time it is met.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An engine as a whole.
    Engine(Text),
    /// What an engine is.
    Identity(Text),
    /// The events of an engine.
    Events(Text),
    /// Retractions of all that an engine has.
    Retraction(Text),
    /// Something an engine does not let through.
    Feature(Text, Feature),
    /// How an engine is asked for numbers.
    Source(Text),
    /// Numbers of an engine's streams that were not taken.
    Samples(Text),
    /// One container.
    Container(Text, ContainerId),
    /// What containers of an engine take of the disk.
    Sizes(Text),
    /// Numbers of an engine's containers that cannot be sent.
    Numbers(Text),
    /// Texts of an engine's containers that had to be cut.
    Cut(Text),
    /// An endpoint whose engine is called as another one is.
    Name(Text),
    /// Entries of an engine's list that cannot be read.
    Entries(Text),
    /// Too many containers.
    Cap(Text),
    /// Probes of an engine that do not end in time.
    Deadline(Text),
    /// The way to the collector.
    Export,
    /// Requests that were given up.
    Dropped,
    /// Points that the collector rejected.
    Rejected,
    /// What the collector has to say.
    Warning,
    /// The room in the outbox.
    Outbox,
    /// The store.
    Store(Text),
    /// The certificates for an engine or a collector.
    Certificates(Text),
    /// A header that follows a file.
    Header(Text),
    /// The agent's own telemetry.
    Own(Signal),
}

/// How an event is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speech {
    /// Each time.
    Always(Level),
    /// Once, and again only if the number changes.
    Once(Level, Subject, u64),
    /// Each time, but only a few times a minute.
    Sparingly(Level, Subject),
    /// When it starts, then at growing intervals; the number tells causes apart.
    Trouble(Level, Subject, u64),
    /// When it ends, if the trouble had been said.
    Well(Subject),
}

impl Event {
    /// How it is said.
    pub fn speech(&self) -> Speech {
        match self {
            Self::Started { .. } | Self::Resumed { .. } | Self::ShuttingDown { .. } | Self::StoppedWithRest { .. } => {
                Speech::Always(Level::INFO)
            }
            Self::Serving { open, .. } => Speech::Always(if *open { Level::WARN } else { Level::INFO }),
            Self::SettingsReloaded { waiting, .. } => {
                Speech::Always(if waiting.is_empty() { Level::INFO } else { Level::WARN })
            }
            Self::CertificateUnchecked { .. }
            | Self::ServiceOff { .. }
            | Self::SettingsOdd { .. }
            | Self::SecondSignal => Speech::Always(Level::WARN),
            Self::SettingsRejected { .. } | Self::StoreDamaged { .. } => Speech::Always(Level::ERROR),
            Self::Stopped { unsent } => Speech::Always(if *unsent == 0 { Level::INFO } else { Level::WARN }),
            Self::EngineConnected { engine, endpoint, info } => {
                let what = fingerprint(&format!("{endpoint} {info:?}"));
                Speech::Once(Level::INFO, Subject::Identity(engine.clone()), what)
            }
            Self::CertificatesReloaded { peer } => Speech::Sparingly(Level::INFO, Subject::Certificates(peer.clone())),
            Self::CertificatesKept { peer, .. } => Speech::Sparingly(Level::WARN, Subject::Certificates(peer.clone())),
            Self::HeaderReloaded { name } => Speech::Sparingly(Level::INFO, Subject::Header(name.clone())),
            Self::HeaderKept { name, .. } => Speech::Sparingly(Level::WARN, Subject::Header(name.clone())),
            // The end of one container is daily business; that of all of an engine's is not.
            Self::Retracted { engine, container: None, reason: Reason::EngineDown | Reason::Shutdown, .. } => {
                Speech::Sparingly(Level::INFO, Subject::Retraction(engine.clone()))
            }
            Self::Retracted { .. } => Speech::Always(Level::DEBUG),
            Self::EngineRecovered { engine, .. } => Speech::Well(Subject::Engine(engine.clone())),
            Self::EventsResumed { engine } => Speech::Well(Subject::Events(engine.clone())),
            Self::ContainerRecovered { engine, container } => {
                Speech::Well(Subject::Container(engine.clone(), container.id.clone()))
            }
            Self::UnderCap { engine } => Speech::Well(Subject::Cap(engine.clone())),
            Self::ExportDelivered { .. } => Speech::Well(Subject::Export),
            Self::StoreRecovered { path } => Speech::Well(Subject::Store(path.clone())),
            Self::OwnTelemetryRecovered { signal } => Speech::Well(Subject::Own(*signal)),
            _ => self.trouble(),
        }
    }

    fn trouble(&self) -> Speech {
        let warn = |subject, cause| Speech::Trouble(Level::WARN, subject, cause);
        match self {
            Self::EngineFailed { engine, error, .. } => {
                warn(Subject::Engine(engine.clone()), fingerprint(&error.to_string()))
            }
            Self::FeatureMissing { engine, feature, error } => {
                Speech::Once(Level::WARN, Subject::Feature(engine.clone(), *feature), fingerprint(&error.status()))
            }
            Self::NoOneShot { engine, api } => {
                Speech::Once(Level::WARN, Subject::Source(engine.clone()), fingerprint(&(api.major, api.minor)))
            }
            Self::SamplesDropped { engine, .. } => warn(Subject::Samples(engine.clone()), 0),
            Self::EventsLost { engine, error, .. } => {
                warn(Subject::Events(engine.clone()), fingerprint(&error.as_ref().map(ToString::to_string)))
            }
            Self::ContainerFailed { engine, container, failure, .. } => {
                warn(Subject::Container(engine.clone(), container.id.clone()), fingerprint(failure))
            }
            Self::SizeFailed { engine, failure, .. } => warn(Subject::Sizes(engine.clone()), fingerprint(failure)),
            Self::UnusableNumbers { engine, .. } => warn(Subject::Numbers(engine.clone()), 0),
            Self::AttributesCut { engine, .. } => warn(Subject::Cut(engine.clone()), 0),
            Self::NameShared { endpoint, other, .. } => {
                Speech::Once(Level::WARN, Subject::Name(endpoint.clone()), fingerprint(other))
            }
            Self::ListEntriesSkipped { engine, .. } => warn(Subject::Entries(engine.clone()), 0),
            Self::OverCap { engine, .. } => warn(Subject::Cap(engine.clone()), 0),
            Self::ProbeUnfinished { engine, .. } => warn(Subject::Deadline(engine.clone()), 0),
            Self::ExportRetrying { cause, .. } => warn(Subject::Export, fingerprint(cause)),
            Self::ExportDropped { cause, .. } => Speech::Trouble(Level::ERROR, Subject::Dropped, fingerprint(cause)),
            Self::ExportRejected { message, .. } => warn(Subject::Rejected, fingerprint(message)),
            Self::ExportWarning { message, .. } => warn(Subject::Warning, fingerprint(message)),
            Self::OutboxDropped { .. } => Speech::Trouble(Level::ERROR, Subject::Outbox, 0),
            Self::StoreFailed { path, cause } => {
                Speech::Trouble(Level::ERROR, Subject::Store(path.clone()), fingerprint(cause))
            }
            Self::OwnTelemetryFailed { signal, cause } => warn(Subject::Own(*signal), fingerprint(cause)),
            // All others have been told apart before.
            _ => Speech::Always(Level::INFO),
        }
    }
}

fn fingerprint(cause: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    cause.hash(&mut hasher);
    hasher.finish()
}
