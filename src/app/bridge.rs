//! What the stages tell → log lines, counts, spans. Each stage tells plain data; here it gets its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::export::{self, HeaderNotice, Outcome};
use crate::ledger::Ended;
use crate::model::Text;
use crate::model::container::ContainerId;
use crate::model::time::{Clock, Now};
use crate::outbox::{Pushed, Queue};
use crate::pipeline::Spent;
use crate::probe::{self, Failing, Happening, Report};
use crate::telemetry::event::{DropReason, EngineCall, Failure, Feature, Named};
use crate::telemetry::{self, Event, ExportSpan, Phase, ProbeFailure, ProbeReport, Telemetry};
use crate::tls::Notice;

/// Hears of ended series besides the log: the demo's view.
pub(super) type OnEnded = Arc<dyn Fn(&Ended) + Send + Sync>;

/// One engine's bridge.
pub(super) struct Bridge {
    pub(super) telemetry: Telemetry,
    pub(super) clock: Clock,
    pub(super) endpoint: Text,
    pub(super) on_ended: Option<OnEnded>,
    failures: Vec<ProbeFailure>,
}

impl Bridge {
    pub(super) fn new(telemetry: Telemetry, clock: Clock, endpoint: Text, on_ended: Option<OnEnded>) -> Self {
        Self { telemetry, clock, endpoint, on_ended, failures: Vec::new() }
    }

    /// Series ended.
    pub(super) fn ended(&self, engine: &Text, ended: &[Ended]) {
        for e in ended {
            let name = e.resource.text("container.name");
            let id = e.resource.text("container.id").and_then(|id| ContainerId::try_new(id));
            let container = name.cloned().zip(id).map(|(name, id)| Named { name, id });
            let (series, reason) = (e.series, e.reason);
            self.telemetry.record(&Event::Retracted { engine: engine.clone(), container, series, reason });
            if let Some(hear) = &self.on_ended {
                hear(e);
            }
        }
    }

    /// Something is worth telling.
    pub(super) fn happened(&mut self, engine: Text, happening: Happening, spent: Spent) {
        let event = match happening {
            Happening::Probed(report) => return self.probed(engine, &report, spent),
            Happening::Connected(info) => {
                let (endpoint, info) = (self.endpoint.clone(), info.as_ref().clone());
                Event::EngineConnected { engine, endpoint, info }
            }
            Happening::EngineFailed { error, list, retry_in } => {
                let call = if list { EngineCall::List } else { EngineCall::Connect };
                Event::EngineFailed { engine, call, error, retry_in }
            }
            Happening::EngineRecovered { after } => Event::EngineRecovered { engine, after },
            Happening::Missing(feature, error) => {
                let feature = match feature {
                    probe::Feature::Events => Feature::Events,
                    probe::Feature::Inspect => Feature::Inspect,
                    probe::Feature::Filesystem => Feature::Filesystem,
                    probe::Feature::Version => Feature::Version,
                    probe::Feature::Info => Feature::Info,
                };
                Event::FeatureMissing { engine, feature, error }
            }
            Happening::NoOneShot(api) => Event::NoOneShot { engine, api },
            // It is opened again at once, and if that fails, this comes again.
            Happening::EventsLost { lasted: true, .. } => return,
            Happening::EventsLost { error, retry_in, .. } => Event::EventsLost { engine, error, retry_in },
            Happening::EventsOpen => Event::EventsResumed { engine },
            Happening::ContainerFailed { id, name, what, error } => {
                return self.container_failed(engine, Named { name, id }, what, error);
            }
            Happening::ContainerRecovered { id, name } => {
                Event::ContainerRecovered { engine, container: Named { name, id } }
            }
            Happening::Unusable { id, name, numbers } => {
                Event::UnusableNumbers { engine, container: Named { name, id }, count: numbers }
            }
            Happening::Cut { id, name, attributes } => {
                Event::AttributesCut { engine, container: Named { name, id }, count: attributes }
            }
            Happening::EntriesSkipped(count) => Event::ListEntriesSkipped { engine, count },
            Happening::OverCap { wanted, max } if wanted > max => Event::OverCap { engine, max, listed: wanted },
            Happening::OverCap { .. } => Event::UnderCap { engine },
            Happening::Unsampled(unsampled) => Event::ProbeUnfinished { engine, unsampled },
        };
        self.telemetry.record(&event);
    }

    /// So many samples of streams were dropped since this was told last.
    pub(super) fn dropped(&self, engine: Text, samples: u64) {
        if samples > 0 {
            self.telemetry.record(&Event::SamplesDropped { engine, samples });
        }
    }

    fn container_failed(
        &mut self,
        engine: Text,
        container: Named,
        what: Failing,
        error: crate::model::engine::EngineError,
    ) {
        let call = match what {
            Failing::Stats => Failure::Stats,
            Failing::Inspect | Failing::Filesystem => Failure::Inspect,
        };
        let failure = Failure::of(call, &error);
        if self.failures.len() < ProbeReport::MOST_FAILURES {
            let text = error.to_string().into();
            self.failures.push(ProbeFailure { container: container.name.clone(), failure, text });
        }
        self.telemetry.record(&match what {
            Failing::Filesystem => Event::SizeFailed { engine, container, failure, error },
            Failing::Stats | Failing::Inspect => Event::ContainerFailed { engine, container, failure, error },
        });
    }

    /// Converting is spread over the probe; its span stands at the end, as long as it took in all.
    fn probed(&mut self, engine: Text, report: &Report, spent: Spent) {
        let (started, ended) = (report.started.mono, report.ended.mono);
        let listed = report.listed.map_or(ended, |at| at.mono);
        let phase = |started, ended, error| Some(Phase { started, ended, error });
        self.telemetry.record_probe(&ProbeReport {
            engine,
            started: report.started,
            ended,
            list: phase(started, listed, report.error.clone()),
            sample: if report.listed.is_some() { phase(listed, ended, None) } else { None },
            convert: phase((ended - spent.convert).max(started), ended, None),
            commit: phase((ended - spent.commit).max(started), ended, None),
            containers: report.containers,
            sampled: report.sampled as usize,
            failed: report.failed as usize,
            failures: std::mem::take(&mut self.failures),
        });
    }
}

/// Says what becomes of the certificates for `peer` when their files change.
pub(super) fn certificates(telemetry: Telemetry, peer: Text) -> impl Fn(Notice) + Send + Sync + 'static {
    move |notice| {
        let peer = peer.clone();
        telemetry.record(&match notice {
            Notice::Reloaded => Event::CertificatesReloaded { peer },
            Notice::Kept(error) => Event::CertificatesKept { peer, cause: error.to_string().into() },
        });
    }
}

/// Says what becomes of headers when their files change.
pub(super) fn headers(telemetry: Telemetry) -> impl Fn(HeaderNotice) + Send + Sync + 'static {
    move |notice| {
        telemetry.record(&match notice {
            HeaderNotice::Reloaded { name } => Event::HeaderReloaded { name: name.into() },
            HeaderNotice::Kept { name, cause } => Event::HeaderKept { name: name.into(), cause: cause.into() },
        });
    }
}

/// How many there are, over all engines.
#[derive(Debug, Default)]
pub(super) struct Live(AtomicUsize);

impl Live {
    /// An engine that had `before` has `live` now; tells the sum.
    pub(super) fn change(&self, before: usize, live: usize) -> usize {
        if live >= before {
            self.0.fetch_add(live - before, Ordering::Relaxed) + (live - before)
        } else {
            self.0.fetch_sub(before - live, Ordering::Relaxed).saturating_sub(before - live)
        }
    }
}

/// How many of one engine's containers are left out for there being too many; none when it is no longer watched.
pub(super) struct LeftOut {
    telemetry: Telemetry,
    all: Arc<Live>,
    here: usize,
}

impl LeftOut {
    /// `all` has those of all engines.
    pub(super) fn new(telemetry: Telemetry, all: Arc<Live>) -> Self {
        Self { telemetry, all, here: 0 }
    }

    /// Hears whether there are too many.
    pub(super) fn heed(&mut self, happening: &Happening) {
        if let Happening::OverCap { wanted, max } = happening {
            self.set(wanted.saturating_sub(*max));
        }
    }

    fn set(&mut self, here: usize) {
        let before = std::mem::replace(&mut self.here, here);
        self.telemetry.gauges().set_over_cap(self.all.change(before, here));
    }
}

impl Drop for LeftOut {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What became of what was pushed into the outbox.
pub(super) fn pushed(telemetry: &Telemetry, queue: &Queue, pushed: &Pushed) {
    if pushed.dropped_values > 0 {
        let setting = if queue.is_durable() { "outbox.max_bytes" } else { "outbox.memory_max_bytes" };
        telemetry.record(&Event::OutboxDropped { values: pushed.dropped_values as u64, setting });
    }
    gauge(telemetry, queue);
}

fn gauge(telemetry: &Telemetry, queue: &Queue) {
    let stats = queue.stats();
    let age = |now| stats.oldest.map(|oldest| oldest.age(now));
    telemetry.gauges().set_outbox(stats.left.batches, stats.bytes as u64, age);
}

/// What became of a request.
pub(super) fn exported(telemetry: &Telemetry, queue: &Queue, report: &export::ExportReport) {
    gauge(telemetry, queue);
    let (outcome, error) = spoken(report);
    if report.bytes > 0 {
        let attempt = match &report.outcome {
            Outcome::Retrying { attempt, .. } => *attempt,
            _ => 1,
        };
        telemetry.record_export(&ExportSpan {
            started: report.started,
            ended: report.ended.mono,
            bytes: report.bytes,
            points: report.points,
            retractions: report.retractions,
            attempt,
            outcome,
            error: error.map(Into::into),
        });
    }
    export_events(report).iter().for_each(|event| telemetry.record(event));
}

fn spoken(report: &export::ExportReport) -> (telemetry::Outcome, Option<String>) {
    match &report.outcome {
        Outcome::Delivered { rejected: 0, .. } => (telemetry::Outcome::Delivered, None),
        Outcome::Delivered { message, .. } => (telemetry::Outcome::Partial, Some(message.clone())),
        Outcome::Retrying { cause, .. } | Outcome::Splitting { cause, .. } => {
            (telemetry::Outcome::Retry, Some(cause.to_string()))
        }
        Outcome::Dropped { cause, .. } => (telemetry::Outcome::Dropped, Some(cause.to_string())),
    }
}

fn export_events(report: &export::ExportReport) -> Vec<Event> {
    let endpoint = report.endpoint.clone();
    match &report.outcome {
        Outcome::Delivered { rejected, message, .. } => {
            let delivered = Event::ExportDelivered { endpoint: endpoint.clone() };
            let message: Text = message.as_str().into();
            match (*rejected, message.is_empty()) {
                (0, true) => vec![delivered],
                (0, false) => vec![delivered, Event::ExportWarning { endpoint, message }],
                (rejected, _) => vec![delivered, Event::ExportRejected { endpoint, rejected, message }],
            }
        }
        Outcome::Retrying { cause, attempt, pause } => {
            let cause = cause.to_string().into();
            vec![Event::ExportRetrying { endpoint, cause, attempt: *attempt, pause: *pause }]
        }
        Outcome::Splitting { .. } => Vec::new(),
        Outcome::Dropped { cause, .. } => vec![Event::ExportDropped {
            endpoint,
            cause: cause.to_string().into(),
            reason: if matches!(cause, export::Failure::GivenUp { .. }) {
                DropReason::GaveUp
            } else {
                DropReason::Refused
            },
            points: report.points as u64,
            retractions: report.retractions as u64,
        }],
    }
}

/// Both clocks, for whoever only has the bridge.
impl Bridge {
    /// Now.
    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_left_out_are_counted_over_all_engines_that_are_watched() {
        let (telemetry, all) = (Telemetry::silent(), Arc::default());
        let mut engines = [(); 2].map(|()| LeftOut::new(telemetry.clone(), Arc::clone(&all)));
        let [one, other] = &mut engines;
        one.heed(&Happening::OverCap { wanted: 12, max: 10 });
        other.heed(&Happening::OverCap { wanted: 5, max: 4 });
        one.heed(&Happening::OverCap { wanted: 15, max: 10 });
        one.heed(&Happening::EventsOpen);
        assert_eq!(telemetry.gauges().over_cap(), 6);
        one.heed(&Happening::OverCap { wanted: 9, max: 10 });
        assert_eq!(telemetry.gauges().over_cap(), 1);
        drop(engines);
        assert_eq!(telemetry.gauges().over_cap(), 0);
    }
}
