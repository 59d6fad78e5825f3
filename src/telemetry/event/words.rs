//! The words of each event: the thing, the cause, and what it means or what mends it, in one line.

use std::fmt;

use crate::model::engine::{EngineError, EngineInfo};
use crate::telemetry::escape::{Shown, Took};

use super::{DropReason, EngineCall, Event, Feature, Named, Signal};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(engine) = self.engine() {
            write!(f, "engine {}: ", Shown(engine))?;
        }
        if let Some(container) = self.container() {
            write!(f, "container {container}: ")?;
        }
        match self {
            Self::Started { .. }
            | Self::CertificatesReloaded { .. }
            | Self::CertificatesKept { .. }
            | Self::CertificateUnchecked { .. }
            | Self::HeaderReloaded { .. }
            | Self::HeaderKept { .. }
            | Self::ServiceOff { .. }
            | Self::Serving { .. }
            | Self::SettingsReloaded { .. }
            | Self::SettingsOdd { .. }
            | Self::SettingsRejected { .. }
            | Self::ShuttingDown { .. }
            | Self::Stopped { .. }
            | Self::StoppedWithRest { .. }
            | Self::SecondSignal => self.say_agent(f),
            Self::ExportDelivered { .. }
            | Self::ExportRetrying { .. }
            | Self::ExportDropped { .. }
            | Self::ExportRejected { .. }
            | Self::ExportWarning { .. }
            | Self::OwnTelemetryFailed { .. }
            | Self::OwnTelemetryRecovered { .. } => self.say_export(f),
            Self::OutboxDropped { .. }
            | Self::Resumed { .. }
            | Self::StoreDamaged { .. }
            | Self::StoreFailed { .. }
            | Self::StoreRecovered { .. } => self.say_outbox(f),
            _ => self.say_engine(f),
        }
    }
}

impl Event {
    fn say_engine(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineConnected { endpoint, info, .. } => {
                write!(f, "connected to {} ({})", Shown(endpoint), Described(info))
            }
            Self::EngineFailed { engine, call, error, retry_in } => {
                // An engine without a name is called by its endpoint, which has been said then.
                let text = error.to_string().replacen(&format!("cannot connect to {engine}: "), "cannot connect: ", 1);
                write!(f, "{}{}; trying again in {}", before(*call, error), Shown(&text), Took(*retry_in))
            }
            Self::EngineRecovered { after, .. } => write!(f, "answers again, after {}", Took(*after)),
            Self::FeatureMissing { feature, error, .. } => {
                write!(f, "{}; without it {}", Failed(error), without(*feature))
            }
            Self::NoOneShot { api, .. } => {
                write!(f, "API {api} has no one-shot numbers (1.41 has): source: one_shot is taken as two_sample")
            }
            Self::SamplesDropped { samples, .. } => write!(
                f,
                "{samples} samples of streams were dropped: the probe was late for more than an interval; raise interval"
            ),
            Self::EventsLost { error, retry_in, .. } => {
                f.write_str("the events were lost")?;
                if let Some(error) = error {
                    write!(f, ": {}", Failed(error))?;
                }
                write!(f, "; trying again in {}; until then changes are seen at the next probe", Took(*retry_in))
            }
            Self::EventsResumed { .. } => f.write_str("events come again"),
            Self::ContainerFailed { error, .. } => write!(f, "{}; its series are retracted", Failed(error)),
            Self::SizeFailed { error, .. } => {
                write!(f, "{}; container.filesystem.* of it are retracted", Failed(error))
            }
            Self::ContainerRecovered { .. } => f.write_str("can be sampled again"),
            Self::Retracted { series, reason, .. } => write!(f, "{series} series retracted: {reason}"),
            Self::UnusableNumbers { count, .. } => {
                write!(f, "{count} numbers left out: negative, over int64 or no numbers at all")
            }
            Self::AttributesCut { count: 1, .. } => f.write_str("an attribute is too long and was cut to 1024 bytes"),
            Self::AttributesCut { count, .. } => {
                write!(f, "{count} attributes are too long and were cut to 1024 bytes each")
            }
            Self::NameShared { endpoint, other, .. } => write!(
                f,
                "{} and {} report the same host name; their series stay apart by service.instance.id, but give each a name \
                 (engines[].name) to tell them apart in this log and on dashboards",
                Shown(other),
                Shown(endpoint)
            ),
            Self::ListEntriesSkipped { count, .. } => {
                write!(f, "{count} entries of the list left out: they have no usable id")
            }
            Self::OverCap { max, listed, .. } => {
                write!(f, "{listed} containers, of which {max} are watched; raise containers.max or exclude some")
            }
            Self::UnderCap { .. } => f.write_str("all containers are watched again"),
            Self::ProbeUnfinished { unsampled, .. } => write!(
                f,
                "the probe's time was up with {unsampled} containers not sampled; raise interval or engines.concurrency"
            ),
            _ => Ok(()),
        }
    }

    fn say_export(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExportDelivered { endpoint } => write!(f, "collector {}: takes points again", Shown(endpoint)),
            Self::ExportRetrying { endpoint, cause, attempt, pause } => write!(
                f,
                "collector {}: {}; attempt {} in {}, nothing is lost meanwhile",
                Shown(endpoint),
                Shown(cause),
                attempt.saturating_add(1),
                Took(*pause)
            ),
            Self::ExportDropped { endpoint, cause, reason, points, retractions } => write!(
                f,
                "collector {}: {}; {points} points dropped ({retractions} retractions among them): {}",
                Shown(endpoint),
                Shown(cause),
                given_up(*reason)
            ),
            Self::ExportRejected { endpoint, rejected, message } => {
                write!(f, "collector {}: rejected {rejected} points: {}", Shown(endpoint), Shown(message))
            }
            Self::ExportWarning { endpoint, message } => {
                write!(f, "collector {}: took everything, but says: {}", Shown(endpoint), Shown(message))
            }
            Self::OwnTelemetryFailed { signal, cause } => write!(
                f,
                "dockpulse's own {} cannot be delivered: {}; containers' metrics do not depend on it; telemetry.{}: false turns it off",
                signal.as_str(),
                Shown(cause),
                signal.as_str()
            ),
            Self::OwnTelemetryRecovered { signal } => own_recovered(*signal, f),
            _ => Ok(()),
        }
    }

    fn say_outbox(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutboxDropped { values, setting } => write!(
                f,
                "the outbox is full: its {values} oldest values were dropped, no retractions; raise {setting} or mend the collector"
            ),
            Self::Resumed { path, series, points } => write!(
                f,
                "outbox.directory {}: going on with {series} series that were published before; {points} points wait to be delivered",
                Shown(path)
            ),
            Self::StoreDamaged { path, cause, batches, owners } => write!(
                f,
                "outbox.directory {}: the store was damaged ({}) and is cut to its last good state; known to be lost: {batches} \
                 batches, what was published of {owners} containers",
                Shown(path),
                Shown(cause)
            ),
            Self::StoreFailed { path, cause } => write!(
                f,
                "outbox.directory {} cannot be used: {}; going on in memory, which a crash would lose",
                Shown(path),
                Shown(cause)
            ),
            Self::StoreRecovered { path } => {
                write!(f, "outbox.directory {} can be used again, and everything is in it", Shown(path))
            }
            _ => Ok(()),
        }
    }

    fn say_agent(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { version, detail } => write!(f, "dockpulse {version} runs: {}", Shown(detail)),
            Self::CertificatesReloaded { peer } => write!(f, "{}: new certificates are in force", Shown(peer)),
            Self::CertificatesKept { peer, cause } => {
                write!(f, "{}: new certificates are of no use, the old ones stay: {}", Shown(peer), Shown(cause))
            }
            Self::CertificateUnchecked { peer } => write!(
                f,
                "{}: its certificate is not verified, so whoever is in between can read and change everything; set \
                 export.tls.ca_file instead of insecure_skip_verify",
                Shown(peer)
            ),
            Self::HeaderReloaded { name } => write!(f, "header {}: the new value of its file is in force", Shown(name)),
            Self::HeaderKept { name, cause } => {
                write!(f, "header {}: the last value stays: {}", Shown(name), Shown(cause))
            }
            Self::ServiceOff { what, address, cause } => {
                write!(f, "{what} cannot be had at {}: {}; going on without", Shown(address), Shown(cause))
            }
            Self::Serving { what, address, open } => {
                let warning = if *open { ", for whoever reaches it: there is no password" } else { "" };
                write!(f, "{what} is at {}{warning}", Shown(address))
            }
            Self::SettingsReloaded { changed, waiting } => reloaded(changed, waiting, f),
            Self::SettingsOdd { text } => write!(f, "{}", Shown(text)),
            Self::SettingsRejected { errors } => {
                write!(f, "new settings rejected, the old ones stay: {}", Listed(errors, "; "))
            }
            Self::ShuttingDown { within } => write!(f, "shutting down within {}", Took(*within)),
            Self::Stopped { unsent: 0 } => f.write_str("stopped; nothing is left to send"),
            Self::Stopped { unsent } => write!(f, "stopped; {unsent} points were not delivered"),
            Self::StoppedWithRest { path, points, retractions } => write!(
                f,
                "stopped; {points} points ({retractions} retractions) wait in {} for the next start",
                Shown(path)
            ),
            Self::SecondSignal => f.write_str("asked a second time: ending at once"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", Shown(&self.name), self.id.short())
    }
}

/// An engine's error, escaped: it may carry the engine's own words.
struct Failed<'a>(&'a EngineError);

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.0.to_string()).fmt(f)
    }
}

/// `docker 28.0.1, API 1.47, host h, amd64`, as far as known.
struct Described<'a>(&'a EngineInfo);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(info) = self;
        f.write_str(info.runtime.as_deref().map_or("engine", |r| if r == "podman" { "podman" } else { "docker" }))?;
        if let Some(version) = &info.version {
            write!(f, " {}", Shown(version))?;
        }
        write!(f, ", API {}", info.api)?;
        if let Some(host) = &info.host_name {
            write!(f, ", host {}", Shown(host))?;
        }
        match &info.host_arch {
            Some(arch) => write!(f, ", {}", Shown(arch)),
            None => Ok(()),
        }
    }
}

/// At most the first ten of a list.
struct Listed<'a>(&'a [String], &'static str);

const MOST_LISTED: usize = 10;

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(all, between) = self;
        for (i, text) in all.iter().take(MOST_LISTED).enumerate() {
            if i > 0 {
                f.write_str(between)?;
            }
            Shown(text).fmt(f)?;
        }
        match all.len().checked_sub(MOST_LISTED) {
            Some(more) if more > 0 => write!(f, "{between}and {more} more"),
            _ => Ok(()),
        }
    }
}

/// A failed connection names itself; after anything else it has to be said what was tried.
fn before(call: EngineCall, error: &EngineError) -> &'static str {
    match (call, error) {
        (_, EngineError::Connect { .. }) => "",
        (EngineCall::Connect, _) => "does not say what it is: ",
        (EngineCall::Ping, _) => "no pulse: ",
        (EngineCall::List, _) => "no list of containers: ",
    }
}

fn without(feature: Feature) -> &'static str {
    match feature {
        Feature::Info => "the host's name and architecture are not known",
        Feature::Version => "the API version is guessed",
        Feature::Events => "changes are seen at the next probe",
        Feature::Inspect => "start times, restarts and limits are not known",
        Feature::Filesystem => "there is no container.filesystem.usage and .capacity",
    }
}

fn given_up(reason: DropReason) -> &'static str {
    match reason {
        DropReason::GaveUp => "export.retry.give_up_after has passed",
        DropReason::Refused => "sending them again would be no use",
        DropReason::OutboxFull => "the outbox is full",
        DropReason::StoreDamaged => "the store is damaged",
        DropReason::Unusable => "they cannot be sent",
    }
}

fn reloaded(changed: &[String], waiting: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("settings reloaded: ")?;
    match changed {
        [] => f.write_str("no change")?,
        changed => write!(f, "changed {}", Listed(changed, ", "))?,
    }
    match waiting {
        [] => Ok(()),
        waiting => write!(f, "; not in force before a restart: {}", Listed(waiting, ", ")),
    }
}

fn own_recovered(signal: Signal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "dockpulse's own {} are delivered again", signal.as_str())
}

#[cfg(test)]
mod tests;
