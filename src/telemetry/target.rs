//! Where the agent's own telemetry goes and whom it speaks of, as the settings say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Uri};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use tower_service::Service;

use super::log::Log;

/// An error of a connector, whichever it is.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes connections to the collector: hyper-util's `HttpConnector`, or one with TLS around it. What exports the
/// containers' metrics uses the same, so that certificates are set in one place.
pub trait Dial:
    Service<
        Uri,
        Response: Read + Write + Connection + Unpin + Send + 'static,
        Error: Into<BoxError>,
        Future: Unpin + Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<T> Dial for T where
    T: Service<
            Uri,
            Response: Read + Write + Connection + Unpin + Send + 'static,
            Error: Into<BoxError>,
            Future: Unpin + Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// What of the agent's own telemetry is sent, and how.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whether its metrics are.
    pub metrics: bool,
    /// Whether its traces are.
    pub traces: bool,
    /// The share of the traces that is sent, from 0 to 1; one in which something failed always is.
    pub sampling: f64,
    /// The log that is sent too, if any.
    pub logs: Option<Log>,
    /// Where to.
    pub target: Target,
    /// Whom they speak of.
    pub identity: Identity,
    /// How often metrics are sent. `None`: as `OTEL_METRIC_EXPORT_INTERVAL` says, else each minute.
    pub metric_interval: Option<Duration>,
    /// How long spans wait for others. `None`: as `OTEL_BSP_SCHEDULE_DELAY` says, else 5 s. (Lines of the log wait as
    /// `OTEL_BLRP_SCHEDULE_DELAY` says, else 1 s.)
    pub span_delay: Option<Duration>,
}

/// The collector.
#[derive(Debug, Clone)]
pub struct Target {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Its base address. For HTTP the path of the signal is added; one that is there already is replaced.
    pub endpoint: Uri,
    /// Sent with each request, for which they are asked for; all of them are treated as secret.
    pub headers: Ask<HeaderMap>,
    /// Why the last connection failed, where the connector knows better than the error.
    pub failure: Ask<Option<String>>,
    /// For one request, the answer included.
    pub timeout: Duration,
    /// How requests are compressed.
    pub compression: Compression,
}

/// Something that may be another each time it is asked for.
#[derive(Clone)]
pub struct Ask<T>(Arc<dyn Fn() -> T + Send + Sync>);

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not.
    None,
    /// With gzip.
    Gzip,
    /// With zstd; over gRPC with gzip, because the SDK's zstd would bring all old formats of it along.
    Zstd,
}

/// A protocol of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

/// The resource of the agent's own telemetry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `OTEL_SERVICE_NAME`, which wins; else `service.name` of `attributes`, else `dockpulse`.
    pub service_name: Option<String>,
    /// Tells this agent from others.
    pub instance_id: String,
    /// The host's name, if known.
    pub host_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`, decoded. They win over what is set here by default.
    pub attributes: Vec<(String, String)>,
}

impl<T> Ask<T> {
    /// Calls `how` each time.
    pub fn new(how: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(how))
    }

    pub(super) fn now(&self) -> T {
        (self.0)()
    }
}

impl<T: Clone + Send + Sync + 'static> Ask<T> {
    /// The same each time.
    pub fn always(value: T) -> Self {
        Self::new(move || value.clone())
    }
}

/// Says nothing: it may be a secret.
impl<T> fmt::Debug for Ask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Target {
    /// The headers, none of which shows in a debug print.
    pub(super) fn secret_headers(&self) -> HeaderMap {
        let mut headers = self.headers.now();
        headers.values_mut().for_each(|value| value.set_sensitive(true));
        headers
    }

    /// The address of one signal over HTTP: its path under the base.
    pub(super) fn url(&self, path: &str) -> String {
        let base = self.endpoint.to_string();
        let base = base.trim_end_matches('/');
        let paths = ["/v1/metrics", "/v1/traces", "/v1/logs"];
        let base = paths.iter().find_map(|path| base.strip_suffix(path)).unwrap_or(base);
        format!("{base}{path}")
    }
}

impl Identity {
    /// The resource. Made without the SDK's own detectors of the environment, which the settings have read already.
    pub(super) fn resource(&self) -> Resource {
        let mut attributes = vec![
            KeyValue::new("service.name", "dockpulse"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", self.instance_id.clone()),
        ];
        attributes.extend(self.host_name.clone().map(|name| KeyValue::new("host.name", name)));
        let given = self.attributes.iter().filter(|(key, _)| !key.is_empty());
        attributes.extend(given.map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
        attributes.extend(self.service_name.clone().map(|name| KeyValue::new("service.name", name)));
        Resource::builder_empty().with_detector(Box::new(TelemetryResourceDetector)).with_attributes(attributes).build()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    fn target(endpoint: &str) -> Target {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer canary".parse().expect("a value"));
        let endpoint = endpoint.parse().expect("an address");
        let (headers, failure) = (Ask::always(headers), Ask::always(None));
        let timeout = Duration::from_secs(1);
        Target { protocol: Protocol::Http, endpoint, headers, failure, timeout, compression: Compression::None }
    }

    #[test]
    fn each_signal_has_its_path_under_the_base() {
        for (base, url) in [
            ("http://c:4318", "http://c:4318/v1/traces"),
            ("http://c:4318/", "http://c:4318/v1/traces"),
            ("https://c/otlp", "https://c/otlp/v1/traces"),
            ("http://c:4318/v1/metrics", "http://c:4318/v1/traces"),
        ] {
            assert_eq!(target(base).url("/v1/traces"), url);
        }
    }

    #[test]
    fn header_values_do_not_show_in_a_debug_print() {
        let target = target("http://c");
        assert!(!format!("{target:?} {:?}", target.secret_headers()).contains("canary"));
    }

    #[test]
    fn the_service_name_of_the_environment_wins_then_the_attributes_then_ours() {
        let name = |i: &Identity| i.resource().get(&Key::new("service.name")).map(|v| v.to_string());
        let mut identity = Identity { instance_id: "i".into(), ..Identity::default() };
        assert_eq!(name(&identity).as_deref(), Some("dockpulse"));
        identity.attributes = vec![("service.name".into(), "a".into()), ("".into(), "x".into())];
        assert_eq!(name(&identity).as_deref(), Some("a"));
        identity.service_name = Some("b".into());
        assert_eq!(name(&identity).as_deref(), Some("b"));
        let resource = identity.resource();
        assert_eq!(resource.get(&Key::new("service.instance.id")).map(|v| v.to_string()).as_deref(), Some("i"));
        assert_eq!(resource.get(&Key::new("")), None);
        assert_eq!(resource.get(&Key::new("host.name")), None);
    }
}
