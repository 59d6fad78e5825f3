//! Traces of finished probes and requests, with the times at which they really happened.

use opentelemetry::trace::{Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use crate::model::Text;
use crate::model::time::{Monotonic, Now};

use super::report::{ExportSpan, Outcome, Phase, ProbeReport, system_time, wall};

/// The most bytes of one piece of text from outside that a span carries.
const MOST_TEXT: usize = 512;

/// Makes traces, of all or of a share.
#[derive(Debug)]
pub(super) struct Tracing {
    tracer: SdkTracer,
    share: f64,
}

impl Tracing {
    /// Makes the share of the traces, from 0 to 1, and all in which something failed.
    pub(super) fn new(tracer: SdkTracer, share: f64) -> Self {
        Self { tracer, share }
    }

    /// Traces a probe, if this one is traced.
    pub(super) fn probe(&self, report: &ProbeReport) {
        if self.is_chosen(report.failed > 0 || phases(report).any(|(_, phase)| phase.error.is_some())) {
            probe(&self.tracer, report);
        }
    }

    /// Traces a request, if this one is traced.
    pub(super) fn export(&self, span: &ExportSpan) {
        if self.is_chosen(span.outcome != Outcome::Delivered || span.error.is_some()) {
            export(&self.tracer, span);
        }
    }

    /// By chance, because what is traced alternates: every other one could be all probes and no request.
    fn is_chosen(&self, failed: bool) -> bool {
        failed || fastrand::f64() < self.share
    }
}

/// One trace: `probe` and under it `list`, `sample`, `convert`, `commit`, as far as they took place.
fn probe(tracer: &SdkTracer, report: &ProbeReport) {
    let attributes = vec![
        KeyValue::new("dockpulse.engine.name", report.engine.clone()),
        KeyValue::new("dockpulse.containers.listed", count(report.containers)),
        KeyValue::new("dockpulse.containers.sampled", count(report.sampled)),
        KeyValue::new("dockpulse.containers.failed", count(report.failed)),
    ];
    let root = begin("probe", SpanKind::Internal, report.started, report.started.mono, attributes);
    let root = tracer.build_with_context(root, &Context::new());
    let context = Context::new().with_span(root);
    for (name, phase) in phases(report) {
        child(tracer, &context, name, phase, report);
    }
    let root = context.span();
    if let Some(error) = phases(report).find_map(|(_, phase)| phase.error.as_ref()) {
        root.set_status(Status::error(cut(error).to_owned()));
    }
    root.end_with_timestamp(system_time(wall(report.started, report.ended)));
}

/// One span: `export`.
fn export(tracer: &SdkTracer, span: &ExportSpan) {
    let attributes = vec![
        KeyValue::new("dockpulse.export.bytes", count(span.bytes)),
        KeyValue::new("dockpulse.export.points", count(span.points)),
        KeyValue::new("dockpulse.export.retractions", count(span.retractions)),
        KeyValue::new("dockpulse.export.attempt", i64::from(span.attempt)),
        KeyValue::new("dockpulse.outcome", span.outcome.as_str()),
    ];
    let builder = begin("export", SpanKind::Client, span.started, span.started.mono, attributes);
    let mut sent = tracer.build_with_context(builder, &Context::new());
    let ended = system_time(wall(span.started, span.ended));
    if let Some(error) = &span.error {
        sent.add_event_with_timestamp("failure", ended, vec![message(error)]);
    }
    if span.outcome != Outcome::Delivered {
        let why = span.error.as_deref().unwrap_or(span.outcome.as_str());
        sent.set_status(Status::error(cut(why).to_owned()));
    }
    sent.end_with_timestamp(ended);
}

fn phases(report: &ProbeReport) -> impl Iterator<Item = (&'static str, &Phase)> {
    let all =
        [("list", &report.list), ("sample", &report.sample), ("convert", &report.convert), ("commit", &report.commit)];
    all.into_iter().filter_map(|(name, phase)| phase.as_ref().map(|phase| (name, phase)))
}

fn child(tracer: &SdkTracer, parent: &Context, name: &'static str, phase: &Phase, report: &ProbeReport) {
    let builder = begin(name, SpanKind::Internal, report.started, phase.started, Vec::new());
    let mut span = tracer.build_with_context(builder, parent);
    let ended = system_time(wall(report.started, phase.ended));
    if name == "sample" {
        for failure in report.failures.iter().take(ProbeReport::MOST_FAILURES) {
            let what = [
                KeyValue::new("container.name", cut(&failure.container).to_owned()),
                KeyValue::new("dockpulse.failure", failure.failure.as_str()),
                message(&failure.text),
            ];
            span.add_event_with_timestamp("failure", ended, what.into());
        }
        if report.failed > 0 {
            span.set_status(Status::error(format!("{} of {} containers failed", report.failed, report.containers)));
        }
    }
    if let Some(error) = &phase.error {
        span.add_event_with_timestamp("failure", ended, vec![message(error)]);
        span.set_status(Status::error(cut(error).to_owned()));
    }
    span.end_with_timestamp(ended);
}

fn begin(name: &'static str, kind: SpanKind, origin: Now, at: Monotonic, attributes: Vec<KeyValue>) -> SpanBuilder {
    let start = system_time(wall(origin, at));
    SpanBuilder::from_name(name).with_kind(kind).with_start_time(start).with_attributes(attributes)
}

fn message(text: &Text) -> KeyValue {
    KeyValue::new("exception.message", cut(text).to_owned())
}

fn cut(text: &str) -> &str {
    let end = (0..=MOST_TEXT.min(text.len())).rev().find(|i| text.is_char_boundary(*i));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
