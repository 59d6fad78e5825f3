//! The counters of the contract, in memory: for the status and for tests, whether or not they are sent anywhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::batch::Reason;

use super::buckets::Buckets;
use super::event::{DropReason, Event, Failure, Tally};
use super::report::{ExportSpan, Outcome, ProbeReport};

/// What was counted since the process began, over all engines.
#[derive(Debug, Default)]
pub struct Counters {
    events: Mutex<BTreeMap<&'static str, u64>>,
    failures: [AtomicU64; Failure::ALL.len()],
    retracted: [AtomicU64; Reason::ALL.len()],
    dropped: [AtomicU64; DropReason::ALL.len()],
    rejected: AtomicU64,
    cut: AtomicU64,
    samples_dropped: AtomicU64,
    requests: [AtomicU64; Outcome::ALL.len()],
    probe_durations: Buckets,
    list_durations: Buckets,
    export_durations: Buckets,
}

impl Counters {
    /// How often the event of that name ([`Event::name`]) was recorded.
    pub fn events(&self, name: &str) -> u64 {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0)
    }

    /// `dockpulse.probe.failures`.
    pub fn failures(&self, failure: Failure) -> u64 {
        get(&Failure::ALL, &self.failures, failure)
    }

    /// `dockpulse.series.retracted`.
    pub fn retracted(&self, reason: Reason) -> u64 {
        get(&Reason::ALL, &self.retracted, reason)
    }

    /// `dockpulse.points.dropped`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        get(&DropReason::ALL, &self.dropped, reason)
    }

    /// `dockpulse.export.rejected_points`.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// `dockpulse.attributes.cut`.
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    /// `dockpulse.samples.dropped`.
    pub fn samples_dropped(&self) -> u64 {
        self.samples_dropped.load(Ordering::Relaxed)
    }

    /// How many probes ended.
    pub fn probes(&self) -> u64 {
        self.probe_durations.count()
    }

    /// `dockpulse.export.requests`.
    pub fn requests(&self) -> u64 {
        self.export_durations.count()
    }

    /// The same by how they ended.
    pub fn requests_that(&self, outcome: Outcome) -> u64 {
        get(&Outcome::ALL, &self.requests, outcome)
    }

    /// `dockpulse.probe.duration`.
    pub fn probe_durations(&self) -> &Buckets {
        &self.probe_durations
    }

    /// `dockpulse.probe.list.duration`.
    pub fn list_durations(&self) -> &Buckets {
        &self.list_durations
    }

    /// `dockpulse.export.duration`.
    pub fn export_durations(&self) -> &Buckets {
        &self.export_durations
    }

    pub(super) fn event(&self, event: &Event) {
        *self.events.lock().unwrap_or_else(PoisonError::into_inner).entry(event.name()).or_default() += 1;
        match event.tally() {
            Some(Tally::Failed(_, failure)) => add(&Failure::ALL, &self.failures, failure, 1),
            Some(Tally::Retracted(_, reason, series)) => add(&Reason::ALL, &self.retracted, reason, series),
            Some(Tally::Dropped(reason, points)) => add(&DropReason::ALL, &self.dropped, reason, points),
            Some(Tally::SamplesDropped(_, samples)) => {
                self.samples_dropped.fetch_add(samples, Ordering::Relaxed);
            }
            Some(Tally::Rejected(points)) => {
                self.rejected.fetch_add(points, Ordering::Relaxed);
            }
            Some(Tally::Cut(attributes)) => {
                self.cut.fetch_add(attributes, Ordering::Relaxed);
            }
            None => {}
        }
    }

    pub(super) fn probe(&self, report: &ProbeReport) {
        self.probe_durations.add(report.ended.since(report.started.mono));
        if let Some(list) = &report.list {
            self.list_durations.add(list.ended.since(list.started));
        }
    }

    pub(super) fn request(&self, span: &ExportSpan) {
        add(&Outcome::ALL, &self.requests, span.outcome, 1);
        self.export_durations.add(span.ended.since(span.started.mono));
    }
}

fn get<K: PartialEq>(keys: &[K], cells: &[AtomicU64], key: K) -> u64 {
    keys.iter().zip(cells).find(|(k, _)| **k == key).map_or(0, |(_, cell)| cell.load(Ordering::Relaxed))
}

fn add<K: PartialEq>(keys: &[K], cells: &[AtomicU64], key: K, by: u64) {
    if let Some((_, cell)) = keys.iter().zip(cells).find(|(k, _)| **k == key) {
        cell.fetch_add(by, Ordering::Relaxed);
    }
}
