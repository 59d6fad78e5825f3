//! The way to the collector, step by step, as the export goes it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    DataPointFlags, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::net::{TcpStream, lookup_host};
use tower_service::Service;

use super::super::waiting::{Budget, Waiting};
use super::instead::{self, Own};
use super::{Findings, Subject, Unconnected};
use crate::export::client::{Client, Transport};
use crate::export::{Connector, Settings, SettingsError, Verdict};
use crate::model::time::UnixNanos;

/// How long a name, or a connection, may take.
const STEP: Duration = Duration::from_millis(2500);
/// What is left of the time for other ways, if this one does not work.
const REST: Duration = Duration::from_millis(1500);

/// Goes the way of an export, up to one without a value.
pub(in super::super) async fn ask(subject: &Subject, budget: Budget, waiting: &Waiting) -> Findings {
    let settings = &subject.settings;
    let Ok(uri) = settings.endpoint.trim().parse::<Uri>() else { return Findings::default() };
    let connector = Connector::new(settings);
    let proxy = connector.through(&uri);
    let (host, port) = host_and_port(proxy.as_ref().unwrap_or(&uri));
    let proxy = proxy.map(|proxy| format!("{}://{host}:{port}", proxy.scheme_str().unwrap_or("http")));
    let mut found = Findings { proxy, host, port, ..Findings::default() };
    let addresses = waiting.on("collector (its name)", resolve(&mut found, budget)).await;
    if addresses.is_empty() {
        return found;
    }
    let connected = waiting.on("collector (connection)", connect(&addresses, budget)).await;
    let is_connected = connected.is_ok();
    found.connected = Some(connected);
    if !is_connected {
        return found;
    }
    if uri.scheme_str() == Some("https") {
        found.secured = waiting.on("collector (TLS)", secured(connector, uri, budget)).await;
    }
    // Why the connection itself is of no use is known now; the export would say the same.
    let is_believed = !matches!(found.secured, Some(Err(_)));
    if is_believed {
        let export = export(settings, settings.timeout, REST, budget);
        found.answer = waiting.on("collector (export)", export).await.ok();
    }
    let own = Own::of(found.answer.as_ref().map(|(verdict, _)| verdict));
    if own != Own::Spoken {
        found.instead = waiting.on("collector (other ways)", instead::find(settings, is_believed, own, budget)).await;
    }
    found
}

/// The host without brackets, and the port or the scheme's.
fn host_and_port(uri: &Uri) -> (String, u16) {
    let host = uri.host().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    (host.to_owned(), port)
}

async fn resolve(found: &mut Findings, budget: Budget) -> Vec<SocketAddr> {
    if let Ok(address) = found.host.parse::<IpAddr>() {
        return vec![(address, found.port).into()];
    }
    let answer = budget.time(STEP, lookup_host((found.host.as_str(), found.port))).await;
    let addresses: Result<Vec<SocketAddr>, String> = match answer {
        Some((Ok(addresses), _)) => Ok(addresses.collect()),
        Some((Err(error), _)) => Err(error.to_string()),
        None => Err("the resolver does not answer".to_owned()),
    };
    found.resolved = Some(addresses.clone().map(|all| all.iter().map(SocketAddr::ip).collect()));
    addresses.unwrap_or_default()
}

/// The first address that lets us connect; else why the last one does not.
async fn connect(addresses: &[SocketAddr], budget: Budget) -> Result<(SocketAddr, Duration), Unconnected> {
    let each = STEP / u32::try_from(addresses.len()).unwrap_or(u32::MAX).clamp(1, 4);
    let mut last = Unconnected::Silent;
    for address in addresses {
        match budget.time(each, TcpStream::connect(address)).await {
            Some((Ok(_), took)) => return Ok((*address, took)),
            Some((Err(error), _)) if error.kind() == io::ErrorKind::ConnectionRefused => last = Unconnected::Refused,
            Some((Err(error), _)) => last = Unconnected::Other(error.to_string()),
            None => last = Unconnected::Silent,
        }
    }
    Err(last)
}

/// Whether the collector is believed. `None` if that cannot be told: the export will.
async fn secured(mut connector: Connector, uri: Uri, budget: Budget) -> Option<Result<(), (String, String)>> {
    match budget.time(STEP, connector.call(uri)).await? {
        (Ok(_), _) => Some(Ok(())),
        (Err(_), _) => {
            let (text, mend) = connector.cause()?;
            Some(Err((text, mend.to_owned())))
        }
    }
}

/// What is sent: one point that says that there is no value, of a series that nobody ever had. A request without any point
/// would be OTLP, too, but some backends refuse it, and it would not tell whether they take points.
fn nothing(at: UnixNanos) -> Bytes {
    let text = |value: &str| Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) });
    let attribute = KeyValue { key: "service.name".to_owned(), value: text("dockpulse"), ..KeyValue::default() };
    let flags = DataPointFlags::NoRecordedValueMask as u32;
    let point = NumberDataPoint { time_unix_nano: at.0, flags, ..NumberDataPoint::default() };
    let data = Some(metric::Data::Gauge(Gauge { data_points: vec![point] }));
    let metrics = vec![Metric { name: "dockpulse.doctor".to_owned(), unit: "1".to_owned(), data, ..Metric::default() }];
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let scope = Some(InstrumentationScope { name: "dockpulse".to_owned(), version, ..InstrumentationScope::default() });
    let resource = Some(Resource { attributes: vec![attribute], ..Resource::default() });
    let scope_metrics = vec![ScopeMetrics { scope, metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

/// An export without a value, with the time that it took; `rest` of the time is left over.
pub(super) async fn export(
    settings: &Settings,
    within: Duration,
    rest: Duration,
    budget: Budget,
) -> Result<(Verdict, Duration), SettingsError> {
    let timeout = within.min(budget.limit(Duration::MAX).saturating_sub(rest)).max(Duration::from_millis(1));
    let mut client = Client::new(&Settings { timeout, ..settings.clone() }, budget.clock)?;
    let begun = budget.clock.now();
    let verdict = client.send(nothing(begun.wall)).await;
    Ok((verdict, budget.clock.now().mono.since(begun.mono)))
}
