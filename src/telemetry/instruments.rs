//! The agent's own metrics, as instruments of the OpenTelemetry SDK.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::model::batch::Reason;

use super::buckets::SECONDS;
use super::event::{DropReason, Event, Failure, Tally};
use super::gauges::Gauges;
use super::report::{ExportSpan, Outcome, ProbeReport};

const ENGINE: &str = "dockpulse.engine.name";
const FAILURE: &str = "dockpulse.failure";
const REASON: &str = "dockpulse.reason";
const OUTCOME: &str = "dockpulse.outcome";

/// Everything that is counted and measured by calls; gauges are read from [`Gauges`] when metrics are collected.
#[derive(Debug)]
pub(super) struct Instruments {
    probe_duration: Histogram<f64>,
    list_duration: Histogram<f64>,
    export_duration: Histogram<f64>,
    failures: Counter<u64>,
    retracted: Counter<u64>,
    samples_dropped: Counter<u64>,
    dropped: Counter<u64>,
    requests: Counter<u64>,
    rejected: Counter<u64>,
    cut: Counter<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, gauges: &Arc<Gauges>) -> Self {
        observe(meter, gauges);
        let all = Self {
            probe_duration: seconds(meter, "dockpulse.probe.duration", "How long a probe of one engine took."),
            list_duration: seconds(meter, "dockpulse.probe.list.duration", "How long its list of containers took."),
            export_duration: seconds(meter, "dockpulse.export.duration", "How long one request to the collector took."),
            failures: counter(meter, "dockpulse.probe.failures", "{failure}", "Calls to the engine that failed."),
            retracted: counter(meter, "dockpulse.series.retracted", "{series}", "Series that were retracted."),
            samples_dropped: counter(
                meter,
                "dockpulse.samples.dropped",
                "{sample}",
                "Samples of streams that the probe was too late to take.",
            ),
            dropped: counter(meter, "dockpulse.points.dropped", "{point}", "Points that were given up."),
            requests: counter(meter, "dockpulse.export.requests", "{request}", "Requests to the collector."),
            rejected: counter(
                meter,
                "dockpulse.export.rejected_points",
                "{point}",
                "Points that the collector rejected.",
            ),
            cut: counter(meter, "dockpulse.attributes.cut", "{attribute}", "Attributes that were too long and cut."),
        };
        all.start_at_zero();
        all
    }

    /// A counter that is there from the beginning shows its first increase as one.
    fn start_at_zero(&self) {
        for reason in Reason::ALL {
            self.retracted.add(0, &[KeyValue::new(REASON, reason.as_str())]);
        }
        for reason in DropReason::ALL {
            self.dropped.add(0, &[KeyValue::new(REASON, reason.as_str())]);
        }
        for outcome in Outcome::ALL {
            self.requests.add(0, &[KeyValue::new(OUTCOME, outcome.as_str())]);
        }
        self.rejected.add(0, &[]);
        self.cut.add(0, &[]);
    }

    pub(super) fn event(&self, event: &Event) {
        match event.tally() {
            Some(Tally::Failed(engine, failure)) => {
                self.failures
                    .add(1, &[KeyValue::new(FAILURE, failure.as_str()), KeyValue::new(ENGINE, engine.clone())]);
            }
            Some(Tally::Retracted(_, reason, n)) => self.retracted.add(n, &[KeyValue::new(REASON, reason.as_str())]),
            Some(Tally::SamplesDropped(engine, n)) => {
                self.samples_dropped.add(n, &[KeyValue::new(ENGINE, engine.clone())]);
            }
            Some(Tally::Dropped(reason, n)) => self.dropped.add(n, &[KeyValue::new(REASON, reason.as_str())]),
            Some(Tally::Rejected(n)) => self.rejected.add(n, &[]),
            Some(Tally::Cut(n)) => self.cut.add(n, &[]),
            None => {}
        }
    }

    pub(super) fn probe(&self, report: &ProbeReport) {
        let engine = [KeyValue::new(ENGINE, report.engine.clone())];
        self.begin_counting(&engine[0]);
        self.probe_duration.record(report.ended.since(report.started.mono).as_secs_f64(), &engine);
        if let Some(list) = &report.list {
            self.list_duration.record(list.ended.since(list.started).as_secs_f64(), &engine);
        }
    }

    /// From zero on: to Prometheus a counter that begins with 1 has not risen.
    fn begin_counting(&self, engine: &KeyValue) {
        for failure in Failure::ALL {
            self.failures.add(0, &[KeyValue::new(FAILURE, failure.as_str()), engine.clone()]);
        }
        self.samples_dropped.add(0, std::slice::from_ref(engine));
    }

    pub(super) fn export(&self, span: &ExportSpan) {
        let outcome = [KeyValue::new(OUTCOME, span.outcome.as_str())];
        self.requests.add(1, &outcome);
        let took: Duration = span.ended.since(span.started.mono);
        self.export_duration.record(took.as_secs_f64(), &outcome);
    }
}

fn seconds(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    let bounds = SECONDS.to_vec();
    meter.f64_histogram(name).with_unit("s").with_description(description).with_boundaries(bounds).build()
}

fn counter(meter: &Meter, name: &'static str, unit: &'static str, description: &'static str) -> Counter<u64> {
    meter.u64_counter(name).with_unit(unit).with_description(description).build()
}

fn observe(meter: &Meter, gauges: &Arc<Gauges>) {
    type Read = fn(&Gauges) -> u64;
    let counts: [(&'static str, &'static str, &'static str, Read); 4] = [
        ("dockpulse.series.live", "{series}", "Series that are published and not retracted.", Gauges::series_live),
        ("dockpulse.containers.over_cap", "{container}", "Containers left out by containers.max.", Gauges::over_cap),
        ("dockpulse.outbox.batches", "{batch}", "Batches that wait for the collector.", Gauges::outbox_batches),
        ("dockpulse.outbox.bytes", "By", "What waits for the collector.", Gauges::outbox_bytes),
    ];
    for (name, unit, description, read) in counts {
        let gauges = gauges.clone();
        let gauge = meter.u64_observable_gauge(name).with_unit(unit).with_description(description);
        gauge.with_callback(move |observer| observer.observe(read(&gauges), &[])).build();
    }
    let gauges = gauges.clone();
    meter
        .f64_observable_gauge("dockpulse.outbox.oldest_age")
        .with_unit("s")
        .with_description("How long the oldest batch has been waiting.")
        .with_callback(move |observer| observer.observe(gauges.outbox_oldest_age().as_secs_f64(), &[]))
        .build();
}
