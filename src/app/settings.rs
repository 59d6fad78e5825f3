//! From the settings to what each part takes.

use std::sync::Arc;
use std::time::Duration;

use super::bridge;
use crate::config::{
    self, AttributeNames, Concurrency, EngineEndpoint, EngineSource, EngineTls, Known, LogLevel, Profile, Secret,
    Settings,
};
use crate::convert::{self, Identity};
use crate::engine::Address;
use crate::engine::ssh::{self, Ssh};
use crate::export::retry::Backoff;
use crate::export::{self, Connector, ReadAgain};
use crate::filter::Verdict;
use crate::model::Text;
use crate::model::engine::{Source, Wanted};
use crate::model::time::Clock;
use crate::pipeline;
use crate::probe;
use crate::telemetry::log::{Level, Log};
use crate::telemetry::{self, Ask, Telemetry};
use crate::tls::{self, ClientTls, Notice};

/// The names that the settings may hold: the attributes that `attributes.resource` turns on and off, the metrics that
/// `metrics` does, by profile, and what else is called how.
pub fn known() -> Known {
    Known {
        metrics: metric_names,
        attributes: convert::built_in(),
        names: attribute_names,
        own_header: export::is_own_header,
    }
}

fn metric_names(of: Profile) -> Vec<&'static str> {
    profile(of).metrics().into_iter().map(|metric| metric.name).collect()
}

fn attribute_names(of: Profile) -> AttributeNames {
    AttributeNames {
        on: convert::built_in_on(profile(of)),
        known_by: convert::KNOWN_BY,
        others: convert::attribute_names(),
        lists: convert::LISTS,
        points: profile(of).point_attributes(),
    }
}

fn profile(of: Profile) -> convert::Profile {
    match of {
        Profile::Semconv => convert::Profile::Semconv,
        Profile::DockerStats => convert::Profile::DockerStats,
        Profile::DockerExporter => convert::Profile::DockerExporter,
    }
}

/// What the settings ask for that this version does not do, each with its key.
pub fn unsupported(settings: &Settings) -> Vec<String> {
    let mut out = Vec::new();
    let mut refuse = |asked: bool, text: &str, instead: &str| {
        if asked {
            out.push(format!("{text} is not supported by this version: use {instead}"));
        }
    };
    for (i, engine) in settings.engines.iter().enumerate() {
        let source = engine.source == EngineSource::Cgroup;
        refuse(source, &format!("engines[{i}].source: {}", engine.source), "auto, one_shot, two_sample or stream");
    }
    out
}

/// Where an engine is. `tell` hears of its certificates.
pub(super) fn address(engine: &config::Engine, tell: impl Fn(Notice) + Send + Sync + 'static) -> Address {
    match &engine.endpoint {
        EngineEndpoint::Unix(path) => Address::Unix(path.clone()),
        EngineEndpoint::Tcp { host, port } => Address::Tcp(format!("{host}:{port}")),
        EngineEndpoint::Https { host, port } => {
            let EngineTls { ca_file, cert_file, key_file } = engine.tls.clone();
            let options =
                tls::Options { ca_file, cert_file, key_file, insecure_skip_verify: false, alpn: &["http/1.1"] };
            Address::Tls(format!("{host}:{port}"), Arc::new(ClientTls::new(options, tell)))
        }
        EngineEndpoint::Ssh(target) => Address::Ssh(Ssh { program: "ssh".into(), target: target.clone() }),
    }
}

/// How many calls for numbers may run at once, if that is not to be found out.
pub(super) fn concurrency(engine: &config::Engine) -> Option<usize> {
    let wanted = match engine.concurrency {
        Concurrency::Auto => None,
        Concurrency::Fixed(n) => Some(usize::from(n)),
    };
    match engine.endpoint {
        EngineEndpoint::Ssh(_) => Some(wanted.unwrap_or(ssh::CALLS).min(ssh::CALLS)),
        _ => wanted,
    }
}

/// How an engine is watched and shown.
pub(super) fn pipeline(settings: &Settings, engine: &config::Engine, agent_host: &str) -> pipeline::Settings {
    let convert = convert(settings, agent_host, engine_key(engine));
    pipeline::Settings {
        name: engine.name.as_deref().map(Into::into),
        endpoint: engine.endpoint.to_string().into(),
        probe: probe::Settings {
            sizes: convert.wants_filesystem().then_some(probe::SIZE_ROUND),
            ..probe(settings, engine)
        },
        convert,
    }
}

fn convert(settings: &Settings, agent_host: &str, engine_key: Text) -> convert::Settings {
    convert::Settings {
        profile: profile(settings.profile),
        metrics: settings.metrics.clone(),
        identity: Identity { engine_key, ..identity(settings, agent_host) },
    }
}

/// What tells an engine from the agent's others: its name, or its endpoint if it has none. The host name that it is
/// called by then may be another's too: two engines on one host report the same.
fn engine_key(engine: &config::Engine) -> Text {
    engine.name.as_deref().map_or_else(|| engine.endpoint.to_string().into(), Into::into)
}

fn probe(settings: &Settings, engine: &config::Engine) -> probe::Settings {
    let filter = settings.containers.filter();
    let by_state = filter.looks_at_states();
    probe::Settings {
        interval: settings.interval,
        list_failure_grace: settings.retract.list_failure_grace,
        concurrency: concurrency(engine),
        stopped: settings.containers.stopped,
        max_containers: settings.containers.max as usize,
        by_state,
        admits: Arc::new(move |listed| filter.admits(listed) == Verdict::Admitted),
        source: match engine.source {
            EngineSource::OneShot => Some(Source::OneShot),
            EngineSource::TwoSample => Some(Source::TwoSample),
            EngineSource::Stream => Some(Source::Stream { every: settings.interval }),
            EngineSource::Auto | EngineSource::Cgroup => None,
        },
        sizes: None,
    }
}

fn identity(settings: &Settings, agent_host: &str) -> Identity {
    let attributes = &settings.attributes;
    Identity {
        agent_host: agent_host.to_owned(),
        engine_key: Text::default(),
        resource: attributes.resource.clone(),
        labels: attributes.labels.clone(),
        env: attributes.env.clone(),
        on_points: attributes.on_points.clone(),
        extra: settings.standard.resource.clone(),
    }
}

/// What has to be read for these settings besides what all need.
pub(super) fn wanted(settings: &Settings) -> Wanted {
    let mut wanted = convert(settings, "", Text::default()).wanted();
    wanted.labels.extend(settings.containers.filter().wanted_labels());
    wanted
}

/// From how grave on lines are logged.
pub fn log_level(of: LogLevel) -> Level {
    match of {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}

/// Where the points go, and how. `telemetry` hears of certificates and headers whose files change.
pub(super) fn export(settings: &Settings, telemetry: &Telemetry) -> Result<export::Settings, export::SettingsError> {
    let from = &settings.export;
    let protocol = match from.protocol {
        config::Protocol::Grpc => export::Protocol::Grpc,
        config::Protocol::HttpProtobuf => export::Protocol::HttpProtobuf,
    };
    let config::ExportTls { ca_file, cert_file, key_file, insecure_skip_verify } = from.tls.clone();
    let options = tls::Options { ca_file, cert_file, key_file, insecure_skip_verify, alpn: protocol.alpn() };
    let tell = bridge::certificates(telemetry.clone(), collector(settings));
    let secret = |secret: &Option<Secret>| secret.as_ref().map_or_else(String::new, |s| s.expose().to_owned());
    let config::Proxies { http, https, no } = &from.proxies;
    Ok(export::Settings {
        endpoint: from.metrics_url.to_string(),
        protocol,
        headers: headers(from, telemetry)?,
        compression: match from.compression {
            config::Compression::Auto => export::Compression::Auto,
            config::Compression::None => export::Compression::None,
            config::Compression::Gzip => export::Compression::Gzip,
            config::Compression::Zstd => export::Compression::Zstd,
        },
        tls: Arc::new(ClientTls::new(options, tell)),
        proxies: export::Proxies::new(secret(http), secret(https), no.clone()),
        timeout: from.timeout,
        retry: export::Retry {
            backoff: Backoff { initial: from.retry.initial, max: from.retry.max },
            give_up_after: from.retry.give_up_after,
        },
        max_request_bytes: from.max_request_bytes.as_usize(),
    })
}

/// What events call the collector.
pub(super) fn collector(settings: &Settings) -> Text {
    format!("collector {}", settings.export.metrics_url).into()
}

fn headers(from: &config::Export, telemetry: &Telemetry) -> Result<export::Headers, export::SettingsError> {
    let pairs = from.headers.iter().map(|(name, value)| (name.as_str(), value.expose()));
    let follow = |(name, template): (&String, &config::Template)| {
        let template = template.clone();
        let read: ReadAgain = Arc::new(move || template.read_again());
        (name.clone(), read)
    };
    let followed = from.from_files.iter().map(follow).collect();
    export::Headers::following(pairs, followed, bridge::headers(telemetry.clone()))
}

/// What the agent's own telemetry shares with the points: headers and connections.
pub(super) struct OwnWay<'a> {
    pub(super) export: &'a export::Settings,
    pub(super) connector: &'a Connector,
    pub(super) clock: Clock,
}

fn own_headers(to: http::Uri, way: &OwnWay<'_>) -> Ask<http::HeaderMap> {
    let (headers, connector, clock) = (way.export.headers.clone(), way.connector.clone(), way.clock);
    Ask::new(move || {
        let mut map = headers.at(clock.now().mono);
        if let Some(value) = connector.proxy_authorization(&to) {
            map.insert(http::header::PROXY_AUTHORIZATION, value);
        }
        map
    })
}

/// The agent's own telemetry, the same way as the points.
pub(super) fn own(settings: &Settings, way: &OwnWay<'_>, agent_host: &str, log: Log) -> telemetry::Setup {
    let from = &settings.export;
    telemetry::Setup {
        metrics: settings.telemetry.metrics,
        traces: settings.telemetry.traces,
        sampling: settings.telemetry.sampling.as_f64(),
        logs: settings.telemetry.logs.then_some(log),
        target: telemetry::Target {
            protocol: match from.protocol {
                config::Protocol::Grpc => telemetry::Protocol::Grpc,
                config::Protocol::HttpProtobuf => telemetry::Protocol::Http,
            },
            endpoint: from.base_url.uri().clone(),
            headers: own_headers(from.base_url.uri().clone(), way),
            failure: {
                let connector = way.connector.clone();
                Ask::new(move || connector.failure())
            },
            timeout: from.timeout.min(Duration::from_secs(10)),
            compression: match from.compression {
                config::Compression::Auto if from.base_url.is_loopback() => telemetry::Compression::None,
                config::Compression::None => telemetry::Compression::None,
                config::Compression::Auto | config::Compression::Gzip => telemetry::Compression::Gzip,
                config::Compression::Zstd => telemetry::Compression::Zstd,
            },
        },
        identity: telemetry::Identity {
            service_name: settings.standard.service_name.clone(),
            instance_id: agent_host.to_owned(),
            host_name: Some(agent_host.to_owned()),
            attributes: settings.standard.resource.clone(),
        },
        metric_interval: None,
        span_delay: None,
    }
}

/// Nothing of the agent's own is sent.
pub(super) fn without_own_telemetry(settings: &mut Settings) {
    settings.telemetry.metrics = false;
    settings.telemetry.traces = false;
    settings.telemetry.logs = false;
}

#[cfg(test)]
mod tests;
