//! What has happened and how delivering goes, as messages and back.

use super::rows::{millis, time};
use super::v1;
use crate::status::{Delivery, Export, Level, Note, Outbox, Requests, Retraction};

impl From<Retraction> for v1::Retraction {
    fn from(row: Retraction) -> Self {
        Self {
            number: row.number,
            time: Some(time(row.at)),
            engine: row.engine.to_string(),
            container: row.container.map(Into::into),
            series: row.series,
            reason: row.reason.to_string(),
        }
    }
}

impl From<v1::Retraction> for Retraction {
    fn from(retraction: v1::Retraction) -> Self {
        Self {
            number: retraction.number,
            at: retraction.time.map_or(0, millis),
            engine: retraction.engine.into(),
            container: retraction.container.map(Into::into),
            series: retraction.series,
            reason: retraction.reason.into(),
        }
    }
}

impl From<Note> for v1::Note {
    fn from(note: Note) -> Self {
        let severity = match note.level {
            Level::Info => v1::Severity::Info,
            Level::Warn => v1::Severity::Warn,
            Level::Error => v1::Severity::Error,
        };
        Self {
            number: note.number,
            time: Some(time(note.at)),
            severity: severity.into(),
            event: note.event.to_string(),
            engine: note.engine.map(|name| name.to_string()),
            container: note.container.map(Into::into),
            text: note.text.to_string(),
        }
    }
}

impl From<v1::Note> for Note {
    fn from(note: v1::Note) -> Self {
        let level = match note.severity() {
            v1::Severity::Unspecified | v1::Severity::Info => Level::Info,
            v1::Severity::Warn => Level::Warn,
            v1::Severity::Error => Level::Error,
        };
        Self {
            number: note.number,
            at: note.time.map_or(0, millis),
            level,
            event: note.event.into(),
            engine: note.engine.map(Into::into),
            container: note.container.map(Into::into),
            text: note.text.into(),
        }
    }
}

impl From<Export> for v1::Export {
    fn from(export: Export) -> Self {
        let last = match export.last {
            Delivery::None => v1::Delivery::Unspecified,
            Delivery::Delivered => v1::Delivery::Delivered,
            Delivery::Partial => v1::Delivery::Partial,
            Delivery::Retrying => v1::Delivery::Retrying,
            Delivery::Dropped => v1::Delivery::Dropped,
        };
        Self {
            endpoint: export.endpoint.to_string(),
            protocol: export.protocol.to_string(),
            last: last.into(),
            time: export.at.map(time),
            duration_seconds: export.duration,
            error: export.error.map(|error| error.to_string()),
            failing_since: export.failing_since.map(time),
            attempts: export.attempts,
            retry_time: export.retry_at.map(time),
            requests: Some(export.requests.into()),
        }
    }
}

impl From<v1::Export> for Export {
    fn from(export: v1::Export) -> Self {
        let last = match export.last() {
            v1::Delivery::Unspecified => Delivery::None,
            v1::Delivery::Delivered => Delivery::Delivered,
            v1::Delivery::Partial => Delivery::Partial,
            v1::Delivery::Retrying => Delivery::Retrying,
            v1::Delivery::Dropped => Delivery::Dropped,
        };
        Self {
            endpoint: export.endpoint.into(),
            protocol: export.protocol.into(),
            last,
            at: export.time.map(millis),
            duration: export.duration_seconds,
            error: export.error.map(Into::into),
            failing_since: export.failing_since.map(millis),
            attempts: export.attempts,
            retry_at: export.retry_time.map(millis),
            requests: export.requests.unwrap_or_default().into(),
        }
    }
}

impl From<Requests> for v1::Requests {
    fn from(requests: Requests) -> Self {
        let Requests { delivered, points, retractions, bytes, failed, dropped } = requests;
        Self { delivered, points, retractions, bytes, failed, dropped }
    }
}

impl From<v1::Requests> for Requests {
    fn from(requests: v1::Requests) -> Self {
        let v1::Requests { delivered, points, retractions, bytes, failed, dropped } = requests;
        Self { delivered, points, retractions, bytes, failed, dropped }
    }
}

impl From<Outbox> for v1::Outbox {
    fn from(outbox: Outbox) -> Self {
        Self {
            durable: outbox.durable,
            directory: outbox.directory.map(|path| path.to_string()),
            batches: outbox.batches,
            points: outbox.points,
            retractions: outbox.retractions,
            bytes: outbox.bytes,
            max_bytes: outbox.max_bytes,
            oldest_time: outbox.oldest.map(time),
        }
    }
}

impl From<v1::Outbox> for Outbox {
    fn from(outbox: v1::Outbox) -> Self {
        Self {
            durable: outbox.durable,
            directory: outbox.directory.map(Into::into),
            batches: outbox.batches,
            points: outbox.points,
            retractions: outbox.retractions,
            bytes: outbox.bytes,
            max_bytes: outbox.max_bytes,
            oldest: outbox.oldest_time.map(millis),
        }
    }
}
