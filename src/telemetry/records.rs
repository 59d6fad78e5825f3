//! Lines of the log as records of OpenTelemetry, for whoever wants the agent's log beside its metrics.

use std::sync::Arc;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use opentelemetry_sdk::logs::SdkLogger;
use tracing::Level;

use super::log::tap::{Listener, Record};
use super::report::system_time;

/// Makes a record of each line. What the SDK's own threads log is left out by the SDK, or sending would log and
/// logging send.
pub(super) fn listener(logger: SdkLogger) -> Listener {
    Arc::new(move |line: &Record<'_>| {
        let mut record = logger.create_log_record();
        let (severity, text) = severity(line.level);
        record.set_timestamp(system_time(line.at));
        record.set_severity_number(severity);
        record.set_severity_text(text);
        record.set_body(AnyValue::from(line.message.to_owned()));
        record.add_attributes(line.fields.iter().map(|(name, value)| (attribute(name), value.clone())));
        logger.emit(record);
    })
}

fn severity(level: Level) -> (Severity, &'static str) {
    match level {
        Level::ERROR => (Severity::Error, "ERROR"),
        Level::WARN => (Severity::Warn, "WARN"),
        Level::INFO => (Severity::Info, "INFO"),
        Level::DEBUG => (Severity::Debug, "DEBUG"),
        _ => (Severity::Trace, "TRACE"),
    }
}

/// The names that metrics and traces use for the same things.
fn attribute(name: &'static str) -> &'static str {
    match name {
        "event" => "dockpulse.event",
        "engine" => "dockpulse.engine.name",
        "container" => "container.name",
        "container_id" => "container.id",
        other => other,
    }
}
