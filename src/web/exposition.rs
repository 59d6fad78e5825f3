//! The agent's own metrics in the text format of Prometheus. Pure. The names are those that a collector gives the same
//! metrics on their way from OTLP to Prometheus; what is told by engine or outcome there is one number here.

use std::collections::HashSet;
use std::fmt::Write;

use super::measures::{Counts, Histogram, Measures};
use super::process::Process;
use crate::model::Text;
use crate::status::{Delta, EngineRow};

/// All of it.
pub(super) fn text(status: &Delta, measures: &Measures, process: &Process) -> String {
    let mut page = Page::default();
    agent(&mut page, status, measures);
    engines(&mut page, &status.engines);
    probes(&mut page, measures);
    exports(&mut page, status, measures);
    outbox(&mut page, status);
    own(&mut page, status, process);
    page.text
}

fn agent(page: &mut Page, status: &Delta, measures: &Measures) {
    let agent = &status.agent;
    page.gauge("dockpulse_build_info", "The agent's version and the profile of its metrics.");
    page.point(&[("version", &agent.version), ("profile", &agent.profile)], 1.0);
    page.gauge("dockpulse_series_live", "Series that are published and not retracted.");
    page.point(&[], status.totals.series_live as f64);
    page.counter("dockpulse_series_retracted_total", "Series that were retracted.");
    page.each("dockpulse_reason", &measures.retracted);
}

fn engines(page: &mut Page, engines: &[EngineRow]) {
    type Read = fn(&EngineRow) -> Option<f64>;
    let names = names(engines);
    let up: Read = |row| row.up.map(|up| f64::from(u8::from(up)));
    let success: Read = |row| row.last_success.map(|at| at as f64 / 1e3);
    let gauges: [(&str, &str, Read); 5] = [
        ("dockpulse_engine_up", "Whether the engine answers.", up),
        ("dockpulse_engine_events", "Whether its events come.", |row| row.events.map(|come| f64::from(u8::from(come)))),
        ("dockpulse_engine_watched_containers", "Its containers that are watched.", |row| Some(f64::from(row.watched))),
        ("dockpulse_containers_over_cap", "Containers left out by containers.max.", |row| {
            Some(f64::from(row.over_cap))
        }),
        ("dockpulse_probe_last_success_seconds", "When a probe last worked, in unix time.", success),
    ];
    for (name, help, read) in gauges {
        page.gauge(name, help);
        for (name, row) in names.iter().zip(engines) {
            if let Some(value) = read(row) {
                page.point(&[("dockpulse_engine_name", name)], value);
            }
        }
    }
    page.gauge("dockpulse_engine_containers", "Its containers in each state.");
    for (name, row) in names.iter().zip(engines) {
        for (state, n) in &row.states {
            page.point(&[("dockpulse_engine_name", name), ("container_status_state", state)], *n as f64);
        }
    }
}

/// What the engines are called, each by another name.
fn names(engines: &[EngineRow]) -> Vec<Text> {
    let mut taken = HashSet::new();
    let free = |row: &EngineRow, taken: &HashSet<Text>| {
        let usual = [&row.name, &row.endpoint].into_iter().find(|name| !name.is_empty() && !taken.contains(*name));
        usual.cloned().unwrap_or_else(|| format!("{} #{}", row.name, row.id).into())
    };
    engines
        .iter()
        .map(|row| {
            let name = free(row, &taken);
            taken.insert(name.clone());
            name
        })
        .collect()
}

fn probes(page: &mut Page, measures: &Measures) {
    page.histogram("dockpulse_probe_duration_seconds", "How long a probe of one engine took.", &measures.probes);
    page.histogram("dockpulse_probe_list_duration_seconds", "How long its list of containers took.", &measures.lists);
    page.counter("dockpulse_probe_failures_total", "Calls to an engine that failed.");
    page.each("dockpulse_failure", &measures.failures);
    page.counter("dockpulse_samples_dropped_total", "Samples of streams that the probe was too late to take.");
    page.point(&[], measures.samples_dropped as f64);
    page.counter("dockpulse_attributes_cut_total", "Attributes that were too long and cut.");
    page.point(&[], measures.attributes_cut as f64);
}

fn exports(page: &mut Page, status: &Delta, measures: &Measures) {
    let requests = &status.export.requests;
    page.histogram("dockpulse_export_duration_seconds", "How long a request to the collector took.", &measures.exports);
    page.counter("dockpulse_export_requests_total", "Requests to the collector, by how they ended.");
    page.each("dockpulse_outcome", &measures.requests);
    let counts = [
        ("dockpulse_export_points_total", "Points that the collector has, retractions included.", requests.points),
        ("dockpulse_export_retractions_total", "The retractions among them.", requests.retractions),
        ("dockpulse_export_bytes_total", "Their bytes before compression.", requests.bytes),
        ("dockpulse_export_rejected_points_total", "Points that the collector rejected.", status.totals.rejected),
    ];
    for (name, help, n) in counts {
        page.counter(name, help);
        page.point(&[], n as f64);
    }
    page.counter("dockpulse_points_dropped_total", "Points that were given up.");
    page.each("dockpulse_reason", &measures.dropped);
}

fn outbox(page: &mut Page, status: &Delta) {
    let outbox = &status.outbox;
    let age = outbox.oldest.map_or(0.0, |oldest| status.at.saturating_sub(oldest) as f64 / 1e3);
    let gauges = [
        ("dockpulse_outbox_batches", "Batches that wait for the collector.", outbox.batches as f64),
        ("dockpulse_outbox_points", "Points in them, retractions included.", outbox.points as f64),
        ("dockpulse_outbox_bytes", "Their size.", outbox.bytes as f64),
        ("dockpulse_outbox_max_bytes", "The most that the outbox may hold.", outbox.max_bytes as f64),
        ("dockpulse_outbox_oldest_age_seconds", "How long the oldest batch has been waiting.", age),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help);
        page.point(&[], value);
    }
}

fn own(page: &mut Page, status: &Delta, process: &Process) {
    page.counter("process_cpu_seconds_total", "Seconds of processors that the agent used.");
    page.point(&[], process.cpu);
    let started = (status.agent.started > 0).then(|| status.agent.started as f64 / 1e3);
    let gauges = [
        ("process_start_time_seconds", "When the agent began, in unix time.", started),
        ("process_resident_memory_bytes", "Memory that it has.", process.resident.map(|n| n as f64)),
        ("process_virtual_memory_bytes", "Addresses that it has.", process.virtual_memory.map(|n| n as f64)),
        ("process_open_fds", "Files and sockets that it has open.", process.open_files.map(|n| n as f64)),
        ("process_max_fds", "The most that it may have open.", process.max_files.map(|n| n as f64)),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            page.gauge(name, help);
            page.point(&[], value);
        }
    }
}

/// Text in the making. Writing to a `String` does not fail.
#[derive(Debug, Default)]
struct Page {
    text: String,
    /// The metric whose points follow.
    name: &'static str,
}

impl Page {
    fn gauge(&mut self, name: &'static str, help: &str) {
        self.head(name, help, "gauge");
    }

    fn counter(&mut self, name: &'static str, help: &str) {
        self.head(name, help, "counter");
    }

    fn head(&mut self, name: &'static str, help: &str, kind: &str) {
        self.name = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn point(&mut self, labels: &[(&str, &str)], value: f64) {
        self.line("", labels, value);
    }

    fn each(&mut self, label: &str, values: &Counts) {
        for (word, n) in values {
            self.point(&[(label, word)], *n as f64);
        }
    }

    fn histogram(&mut self, name: &'static str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let mut so_far = 0;
        for (bound, n) in &histogram.buckets {
            so_far += n;
            self.line("_bucket", &[("le", &bound.to_string())], so_far as f64);
        }
        // The buckets are read one after the other while others count.
        let count = histogram.count.max(so_far) as f64;
        self.line("_bucket", &[("le", "+Inf")], count);
        self.line("_sum", &[], histogram.sum);
        self.line("_count", &[], count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"", if i == 0 { '{' } else { ',' });
            self.quoted(text);
            self.text.push('"');
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// As the format wants it, and without control characters, for the eyes of who reads it with curl.
    fn quoted(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                c if c.is_control() => self.text.push('\u{fffd}'),
                c => self.text.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests;
