//! What a key alone cannot tell: bounds, and values that have to fit together.

mod attributes;

use std::fmt::Display;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

pub(super) use self::attributes::clear;
use super::Known;
use super::engine_address::EngineEndpoint;
use super::engines::{Engine, EngineSource};
use super::error::{Origins, Problem, Warning, nearest};
use super::export::{ExportTls, Protocol};
use super::scalar::{ByteSize, write_duration};
use super::setting::Reader;
use super::settings::{Profile, Settings};

/// More often is more work than the numbers are worth.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Smaller requests would hold less than one container's resource.
const MIN_REQUEST: ByteSize = ByteSize(4 << 10);
/// What collectors accept over gRPC without settings of their own.
const MAX_REQUEST: ByteSize = ByteSize::mebibytes(4);
/// Room for the largest single answer of an engine.
const MIN_OUTBOX: ByteSize = ByteSize(64 << 10);
/// The table of watched containers is held in memory.
const MAX_CONTAINERS: u32 = 1_000_000;
/// An engine takes a few hundred bytes and several tasks.
const MAX_ENGINES: usize = 256;
/// Every rule is tried on every container at every probe.
const MAX_RULES: usize = 1000;

/// Reports everything that does not fit.
pub(super) fn check(settings: &Settings, known: &Known, reader: &mut Reader<'_>) {
    check_times(settings, reader);
    check_engines(settings, reader);
    check_containers(settings, reader);
    check_metrics(settings, known, reader);
    check_resource(settings, known, reader);
    attributes::check(settings, known, reader);
    check_export(settings, reader);
    check_headers(settings, known, reader);
    check_outbox(settings, reader);
}

/// What is odd without being wrong.
pub(super) fn warnings(settings: &Settings, known: &Known, origins: &Origins) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |key: &str, message: &str| {
        warnings.push(Warning { origin: origins.get(key), message: format!("{key}: {message}") });
    };
    let export = &settings.export;
    let has_path = export.endpoint.as_ref().is_some_and(|endpoint| !endpoint.path().is_empty());
    if export.protocol == Protocol::Grpc && has_path {
        warn("export.endpoint", "the path is not used with grpc; for OTLP/HTTP set export.protocol to http/protobuf");
    }
    if export.skips_verify() {
        let what = "the collector's certificate is not verified: whoever is in between can read and change everything; for tests only";
        warn("export.tls.insecure_skip_verify", what);
    }
    if !export.metrics_url.is_tls() && export.tls != ExportTls::default() {
        warn("export.tls", "not used, because export.endpoint is not https://: everything goes in plain text");
    }
    warnings.extend(attributes::warnings(settings, known, origins));
    warnings
}

fn least<T: PartialOrd>(reader: &mut Reader<'_>, key: &str, value: T, least: T, shown: impl Fn(T) -> String) {
    if value < least {
        let problem = Problem::Rule(format!("{} is too small: {} or more", shown(value), shown(least)));
        reader.report_at(key, problem);
    }
}

fn rule(reader: &mut Reader<'_>, key: impl Into<String>, message: impl Display) {
    reader.report_at(key, Problem::Rule(message.to_string()));
}

fn check_times(settings: &Settings, reader: &mut Reader<'_>) {
    let millisecond = Duration::from_millis(1);
    for (key, value, at_least) in [
        ("interval", settings.interval, MIN_INTERVAL),
        ("export.timeout", settings.export.timeout, millisecond),
        ("export.retry.initial", settings.export.retry.initial, millisecond),
        ("export.retry.max", settings.export.retry.max, millisecond),
    ] {
        least(reader, key, value, at_least, write_duration);
    }
    for (i, engine) in settings.engines.iter().enumerate() {
        least(reader, &format!("engines[{i}].timeout"), engine.timeout, millisecond, write_duration);
    }
    let retry = &settings.export.retry;
    if retry.initial > retry.max {
        rule(reader, "export.retry.max", "must not be shorter than export.retry.initial");
    }
}

fn check_engines(settings: &Settings, reader: &mut Reader<'_>) {
    let engines = &settings.engines;
    if engines.is_empty() {
        rule(reader, "engines", "there has to be at least one engine; without this key it is the local one");
    }
    if engines.len() > MAX_ENGINES {
        rule(reader, "engines", format_args!("there can be at most {MAX_ENGINES} engines"));
        return;
    }
    for (i, engine) in engines.iter().enumerate() {
        let key = |name: &str| format!("engines[{i}].{name}");
        if engine.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            rule(reader, key("name"), "a name must not be empty; leave the key out for the engine's host name");
        }
        let endpoint_of = |e: &Engine| e.name.is_none().then(|| e.endpoint.to_string());
        if let Some(other) =
            engines.iter().position(|e| endpoint_of(e).is_some_and(|at| Some(&at) == engine.name.as_ref()))
        {
            rule(reader, key("name"), format_args!("engines[{other}], which has no name, is known by its endpoint"));
        }
        let before = &engines[..i];
        if let Some(first) = before.iter().position(|e| e.name.is_some() && e.name == engine.name) {
            rule(reader, key("name"), format_args!("engines[{first}] has the same name"));
        }
        if let Some(first) = before.iter().position(|e| place(&e.endpoint) == place(&engine.endpoint)) {
            rule(reader, key("endpoint"), format_args!("engines[{first}] is the same engine"));
        }
        let tls = &engine.tls;
        let is_https = matches!(engine.endpoint, EngineEndpoint::Https { .. });
        if !is_https && (tls.ca_file.is_some() || tls.cert_file.is_some() || tls.key_file.is_some()) {
            rule(reader, key("tls"), "certificates are for an https:// endpoint");
        }
        let is_ssh = matches!(engine.endpoint, EngineEndpoint::Ssh(_));
        if is_ssh && engine.source == EngineSource::Stream {
            rule(
                reader,
                key("source"),
                "stream needs a connection for each container: too many over ssh, use one_shot",
            );
        }
        check_pair(reader, &key("tls"), tls.cert_file.is_some(), tls.key_file.is_some());
    }
}

/// Where an engine is: of a socket without the links on the way to it. `/var/run` is `/run` on most hosts, and one engine
/// that is watched twice would have each series told twice.
fn place(endpoint: &EngineEndpoint) -> EngineEndpoint {
    let EngineEndpoint::Unix(path) = endpoint else { return endpoint.clone() };
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let real = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name)).unwrap_or_else(|| path.clone());
    EngineEndpoint::Unix(real.canonicalize().unwrap_or(real))
}

fn check_pair(reader: &mut Reader<'_>, key: &str, cert: bool, private: bool) {
    match (cert, private) {
        (true, false) => rule(reader, format!("{key}.cert_file"), "needs key_file too"),
        (false, true) => rule(reader, format!("{key}.key_file"), "needs cert_file too"),
        _ => {}
    }
}

fn check_containers(settings: &Settings, reader: &mut Reader<'_>) {
    let containers = &settings.containers;
    if !(1..=MAX_CONTAINERS).contains(&containers.max) {
        rule(reader, "containers.max", format_args!("{} is not from 1 to {MAX_CONTAINERS}", containers.max));
    }
    for (key, rules) in [("containers.include", &containers.include), ("containers.exclude", &containers.exclude)] {
        if rules.len() > MAX_RULES {
            rule(reader, key, format_args!("there can be at most {MAX_RULES} entries"));
        }
    }
}

/// A metric is known in its profile; if another one has it, that is said.
fn check_metrics(settings: &Settings, known: &Known, reader: &mut Reader<'_>) {
    let profile = settings.profile;
    let names = (known.metrics)(profile);
    for name in settings.metrics.keys().filter(|name| !names.contains(&name.as_str())) {
        let others = Profile::ALL.iter().filter(|other| (known.metrics)(**other).contains(&name.as_str()));
        let of: Vec<_> = others.map(|other| other.as_str()).collect();
        let nearest = nearest(name, names.iter().copied());
        let problem = match of.is_empty() {
            true => Problem::UnknownKey { nearest, known: Vec::new() },
            false => Problem::OtherProfile { profile: profile.as_str(), of, nearest },
        };
        reader.report_at(format!("metrics.{name}"), problem);
    }
}

fn check_resource(settings: &Settings, known: &Known, reader: &mut Reader<'_>) {
    let known = &known.attributes;
    let names = settings.attributes.resource.keys().filter(|_| !known.is_empty());
    for name in names.filter(|name| !known.contains(&name.as_str())) {
        let nearest = nearest(name, known.iter().copied());
        let problem = Problem::UnknownKey { nearest, known: Vec::new() };
        reader.report_at(format!("attributes.resource.{name}"), problem);
    }
}

fn check_export(settings: &Settings, reader: &mut Reader<'_>) {
    let export = &settings.export;
    let size = export.max_request_bytes;
    if !(MIN_REQUEST..=MAX_REQUEST).contains(&size) {
        rule(reader, "export.max_request_bytes", format_args!("{size} is not from {MIN_REQUEST} to {MAX_REQUEST}"));
    }
    let tls = &export.tls;
    check_pair(reader, "export.tls", tls.cert_file.is_some(), tls.key_file.is_some());
}

fn check_headers(settings: &Settings, known: &Known, reader: &mut Reader<'_>) {
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in &settings.export.headers {
        let key = format!("export.headers.{name}");
        let lower = name.to_ascii_lowercase();
        if HeaderName::try_from(name).is_err() {
            rule(reader, key.clone(), "not the name of a header");
        } else if (known.own_header)(&lower) {
            rule(reader, key.clone(), "dockpulse sets this header itself");
        } else if seen.contains(&lower) {
            rule(reader, key.clone(), "given twice; letter case makes no difference");
        }
        // Never says what the value is.
        if HeaderValue::try_from(value.expose()).is_err() {
            rule(reader, key, "the value holds a character that a header cannot, such as a line break");
        }
        seen.push(lower);
    }
}

fn check_outbox(settings: &Settings, reader: &mut Reader<'_>) {
    let outbox = &settings.outbox;
    for (key, size) in [("outbox.max_bytes", outbox.max_bytes), ("outbox.memory_max_bytes", outbox.memory_max_bytes)] {
        least(reader, key, size, MIN_OUTBOX, |size| size.to_string());
    }
}
