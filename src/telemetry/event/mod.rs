//! Every loss, failure, recovery and retraction has a name here. [`super::Telemetry::record`] makes of each a log line
//! and a count.

mod speech;
mod tally;
mod words;

use std::time::Duration;

use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::container::ContainerId;
use crate::model::engine::{ApiVersion, EngineError, EngineInfo};

pub use self::speech::{Speech, Subject};
pub use self::tally::Tally;

/// A container, as messages call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: Text,
    /// Its id, of which 12 digits are shown.
    pub id: ContainerId,
}

/// The call by which an engine failed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineCall {
    /// Finding out what it is.
    Connect,
    /// Its pulse.
    Ping,
    /// The list of containers.
    List,
}

/// What failed (`dockpulse.failure`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The list, or the engine as a whole.
    List,
    /// The numbers of one container.
    Stats,
    /// The description of one container.
    Inspect,
    /// An answer that cannot be read.
    Decode,
    /// An answer that did not come in time.
    Timeout,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::List, Self::Stats, Self::Inspect, Self::Decode, Self::Timeout];

    /// What failed when `call` (stats or inspect) of one container gave `error`.
    pub fn of(call: Self, error: &EngineError) -> Self {
        match error {
            EngineError::Timeout { .. } => Self::Timeout,
            EngineError::Decode { .. } | EngineError::TooLarge { .. } => Self::Decode,
            _ => call,
        }
    }

    /// The word for counters and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Stats => "stats",
            Self::Inspect => "inspect",
            Self::Decode => "decode",
            Self::Timeout => "timeout",
        }
    }
}

/// What an engine, or what guards it, does not let through and dockpulse can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// `/info`.
    Info,
    /// `/version`.
    Version,
    /// `/events`.
    Events,
    /// `/containers/ID/json`.
    Inspect,
    /// `/containers/ID/json?size=1`.
    Filesystem,
}

/// Why points were given up (`dockpulse.reason` of `dockpulse.points.dropped`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The collector will never take them.
    Refused,
    /// It was tried for as long as the settings say.
    GaveUp,
    /// The outbox was full; only values are dropped that way.
    OutboxFull,
    /// What the store held could not be read any more.
    StoreDamaged,
    /// The engine's number cannot be sent: negative, over int64, of a wrong type.
    Unusable,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Refused, Self::GaveUp, Self::OutboxFull, Self::StoreDamaged, Self::Unusable];

    /// The word for counters and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::GaveUp => "gave_up",
            Self::OutboxFull => "outbox_full",
            Self::StoreDamaged => "store_damaged",
            Self::Unusable => "unusable",
        }
    }
}

/// The agent's own telemetry, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Its metrics.
    Metrics,
    /// Its traces.
    Traces,
    /// Its logs.
    Logs,
}

impl Signal {
    /// The word for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }
}

/// Something worth a log line, a count, or both. `engine` is always the engine's name in the settings. Text from
/// outside stands in it as it came; it is escaped where it is shown.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are named after what they hold; what is not plain is said at the variant")]
pub enum Event {
    /// The agent runs. `detail` says in a few words with what: engines, interval, collector.
    Started { version: &'static str, detail: String },
    /// The outbox's directory holds what an agent before this one has published and not delivered.
    Resumed { path: Text, series: u64, points: u64 },
    /// An engine answered for the first time, or is another one than before.
    EngineConnected { engine: Text, endpoint: Text, info: EngineInfo },
    /// An engine failed as a whole, and will be tried again in `retry_in`.
    EngineFailed { engine: Text, call: EngineCall, error: EngineError, retry_in: Duration },
    /// A failed engine answers again, `after` it had failed for so long.
    EngineRecovered { engine: Text, after: Duration },
    /// A call that can be done without is forbidden or not there. Said once per engine and feature.
    FeatureMissing { engine: Text, feature: Feature, error: EngineError },
    /// The settings ask for one-shot numbers, which an engine of this API version does not have.
    NoOneShot { engine: Text, api: ApiVersion },
    /// Streams brought numbers that the probe was too late to take.
    SamplesDropped { engine: Text, samples: u64 },
    /// The stream of events ended. `error` is `None` if the engine just closed it.
    EventsLost { engine: Text, error: Option<EngineError>, retry_in: Duration },
    /// Events come again.
    EventsResumed { engine: Text },
    /// One container could not be sampled or described; what it had published is retracted.
    ContainerFailed { engine: Text, container: Named, failure: Failure, error: EngineError },
    /// What one container takes of the disk could not be had; that alone is retracted.
    SizeFailed { engine: Text, container: Named, failure: Failure, error: EngineError },
    /// It can be sampled again.
    ContainerRecovered { engine: Text, container: Named },
    /// Series ended; `container` is `None` if they were of more than one.
    Retracted { engine: Text, container: Option<Named>, series: u32, reason: Reason },
    /// Numbers were left out because they cannot be sent.
    UnusableNumbers { engine: Text, container: Named, count: u32 },
    /// Texts of a container were too long for attributes and were cut.
    AttributesCut { engine: Text, container: Named, count: u32 },
    /// An engine without a name reports a host name by which `other`, an endpoint, is called already.
    NameShared { engine: Text, endpoint: Text, other: Text },
    /// Entries of a list without a usable id were left out.
    ListEntriesSkipped { engine: Text, count: u32 },
    /// More containers are there than may be watched.
    OverCap { engine: Text, max: usize, listed: usize },
    /// There no longer are.
    UnderCap { engine: Text },
    /// A probe ended at its deadline before all containers were sampled.
    ProbeUnfinished { engine: Text, unsampled: usize },
    /// The collector takes what it is sent, after it had not.
    ExportDelivered { endpoint: Text },
    /// A request failed and will be sent again in `pause`.
    ExportRetrying { endpoint: Text, cause: Text, attempt: u32, pause: Duration },
    /// A request was given up. `retractions` are among the `points`.
    ExportDropped { endpoint: Text, cause: Text, reason: DropReason, points: u64, retractions: u64 },
    /// A request was taken but for some of its points.
    ExportRejected { endpoint: Text, rejected: u64, message: Text },
    /// The collector took everything and has something to say.
    ExportWarning { endpoint: Text, message: Text },
    /// The outbox was full, so that its oldest values had to go. Retractions never do. `setting` is the key of its bound.
    OutboxDropped { values: u64, setting: &'static str },
    /// What was found in the store could not be read, in part or at all: so many batches are lost, as far as known, and so
    /// many owners of series, which nobody will retract.
    StoreDamaged { path: Text, cause: Text, batches: u64, owners: u64 },
    /// The store cannot be written; memory has to do.
    StoreFailed { path: Text, cause: Text },
    /// The store can be written again.
    StoreRecovered { path: Text },
    /// Files of certificates changed; they are in force for new connections to `peer`.
    CertificatesReloaded { peer: Text },
    /// Files of certificates changed and are of no use; those from before stay in force.
    CertificatesKept { peer: Text, cause: Text },
    /// The certificate of `peer` is not verified, as the settings say. Said again and again.
    CertificateUnchecked { peer: Text },
    /// A header follows a file, which changed: the new value is sent from now on.
    HeaderReloaded { name: Text },
    /// A header follows a file, which cannot be read; the last value is sent still.
    HeaderKept { name: Text, cause: Text },
    /// Something that was not asked for by the settings cannot be had; the agent runs without. `what`: “the status page”.
    ServiceOff { what: &'static str, address: Text, cause: Text },
    /// Something is served. `open`: to whoever reaches the address, without a password. `what`: “the status page”.
    Serving { what: &'static str, address: Text, open: bool },
    /// New settings are in force; `changed` are the keys that differ, `waiting` those that do and need a restart.
    SettingsReloaded { changed: Vec<String>, waiting: Vec<String> },
    /// Something about the settings is odd without being wrong.
    SettingsOdd { text: String },
    /// New settings are wrong; the old ones stay.
    SettingsRejected { errors: Vec<String> },
    /// The agent's own telemetry does not get through. Nothing else suffers.
    OwnTelemetryFailed { signal: Signal, cause: Text },
    /// It does again.
    OwnTelemetryRecovered { signal: Signal },
    /// The agent was asked to end; it has `within` to do so.
    ShuttingDown { within: Duration },
    /// It ends, with so many points that were not delivered.
    Stopped { unsent: u64 },
    /// It ends, and what was not delivered waits in the outbox's directory. `retractions` are among the `points`.
    StoppedWithRest { path: Text, points: u64, retractions: u64 },
    /// It was asked a second time, and ends at once.
    SecondSignal,
}

impl Event {
    /// A stable word for it, in JSON logs and counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Resumed { .. } => "resumed",
            Self::EngineConnected { .. } => "engine_connected",
            Self::EngineFailed { .. } => "engine_failed",
            Self::EngineRecovered { .. } => "engine_recovered",
            Self::FeatureMissing { .. } => "feature_missing",
            Self::NoOneShot { .. } => "no_one_shot",
            Self::SamplesDropped { .. } => "samples_dropped",
            Self::EventsLost { .. } => "events_lost",
            Self::EventsResumed { .. } => "events_resumed",
            Self::ContainerFailed { .. } => "container_failed",
            Self::SizeFailed { .. } => "size_failed",
            Self::ContainerRecovered { .. } => "container_recovered",
            Self::Retracted { .. } => "retracted",
            Self::UnusableNumbers { .. } => "unusable_numbers",
            Self::AttributesCut { .. } => "attributes_cut",
            Self::NameShared { .. } => "name_shared",
            Self::ListEntriesSkipped { .. } => "list_entries_skipped",
            Self::OverCap { .. } => "over_cap",
            Self::UnderCap { .. } => "under_cap",
            Self::ProbeUnfinished { .. } => "probe_unfinished",
            Self::ExportDelivered { .. } => "export_delivered",
            Self::ExportRetrying { .. } => "export_retrying",
            Self::ExportDropped { .. } => "export_dropped",
            Self::ExportRejected { .. } => "export_rejected",
            Self::ExportWarning { .. } => "export_warning",
            Self::OutboxDropped { .. } => "outbox_dropped",
            Self::StoreDamaged { .. } => "store_damaged",
            Self::StoreFailed { .. } => "store_failed",
            Self::StoreRecovered { .. } => "store_recovered",
            Self::CertificatesReloaded { .. } => "certificates_reloaded",
            Self::CertificatesKept { .. } => "certificates_kept",
            Self::CertificateUnchecked { .. } => "certificate_unchecked",
            Self::HeaderReloaded { .. } => "header_reloaded",
            Self::HeaderKept { .. } => "header_kept",
            Self::ServiceOff { .. } => "service_off",
            Self::Serving { .. } => "serving",
            Self::SettingsReloaded { .. } => "settings_reloaded",
            Self::SettingsOdd { .. } => "settings_odd",
            Self::SettingsRejected { .. } => "settings_rejected",
            Self::OwnTelemetryFailed { .. } => "own_telemetry_failed",
            Self::OwnTelemetryRecovered { .. } => "own_telemetry_recovered",
            Self::ShuttingDown { .. } => "shutting_down",
            Self::Stopped { .. } => "stopped",
            Self::StoppedWithRest { .. } => "stopped_with_rest",
            Self::SecondSignal => "second_signal",
        }
    }

    /// The engine it is about.
    pub fn engine(&self) -> Option<&Text> {
        match self {
            Self::EngineConnected { engine, .. }
            | Self::EngineFailed { engine, .. }
            | Self::EngineRecovered { engine, .. }
            | Self::FeatureMissing { engine, .. }
            | Self::NoOneShot { engine, .. }
            | Self::SamplesDropped { engine, .. }
            | Self::EventsLost { engine, .. }
            | Self::EventsResumed { engine }
            | Self::ContainerFailed { engine, .. }
            | Self::SizeFailed { engine, .. }
            | Self::ContainerRecovered { engine, .. }
            | Self::Retracted { engine, .. }
            | Self::UnusableNumbers { engine, .. }
            | Self::AttributesCut { engine, .. }
            | Self::NameShared { engine, .. }
            | Self::ListEntriesSkipped { engine, .. }
            | Self::OverCap { engine, .. }
            | Self::UnderCap { engine }
            | Self::ProbeUnfinished { engine, .. } => Some(engine),
            _ => None,
        }
    }

    /// The container it is about.
    pub fn container(&self) -> Option<&Named> {
        match self {
            Self::ContainerFailed { container, .. }
            | Self::SizeFailed { container, .. }
            | Self::ContainerRecovered { container, .. }
            | Self::UnusableNumbers { container, .. }
            | Self::AttributesCut { container, .. } => Some(container),
            Self::Retracted { container, .. } => container.as_ref(),
            _ => None,
        }
    }
}
