//! `export`: where the points go, and how.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Environment;
use super::address::Endpoint;
use super::error::{Origin, Origins};
use super::expand::{Expansion, Template};
use super::proxies::Proxies;
use super::scalar::{ByteSize, Secret};
use super::setting::{section, words};

section! {
    /// Where the points go, and how. The agent's own telemetry goes the same way.
    pub struct Export {
        /// The collector. For http/protobuf /v1/metrics is appended.
        /// Default: http://localhost:4317, for http/protobuf http://localhost:4318.
        pub endpoint: Option<Endpoint> = None,
        /// grpc | http/protobuf.
        pub protocol: Protocol = Protocol::Grpc,
        /// Headers for every request, such as { authorization: "Bearer ${file:/run/secrets/token}" }. Never shown. A file
        /// is read again when it changes.
        pub headers: BTreeMap<String, Secret> = BTreeMap::new(),
        /// auto | none | gzip | zstd. auto: none to this host, else gzip.
        pub compression: Compression = Compression::Auto,
        /// How long one request may take.
        pub timeout: Duration = Duration::from_secs(10),
        /// The certificates for https. Files that change are read again.
        pub tls: ExportTls = ExportTls::default(),
        /// What happens after a failure that may pass.
        pub retry: Retry = Retry::default(),
        /// How large a request may be before compression. Collectors refuse more than 4MiB.
        pub max_request_bytes: ByteSize = ByteSize::mebibytes(2),
    }
    beside {
        /// Where metrics go: with http/protobuf the whole address, path included.
        pub metrics_url: Endpoint = Endpoint::loopback(4317),
        /// What `/v1/traces` is appended to with http/protobuf; the collector itself with grpc.
        pub base_url: Endpoint = Endpoint::loopback(4317),
        /// The headers whose values are in files, by name.
        pub from_files: BTreeMap<String, Template> = BTreeMap::new(),
        /// The proxies that the environment names.
        pub proxies: Proxies = Proxies::default(),
    }
}

section! {
    /// The certificates for a collector behind https.
    pub struct ExportTls {
        /// Who may have signed the collector's certificate (PEM). Default: the system's certificates.
        pub ca_file: Option<PathBuf> = None,
        /// The certificate that dockpulse shows (PEM). Needs key_file.
        pub cert_file: Option<PathBuf> = None,
        /// The key of cert_file (PEM).
        pub key_file: Option<PathBuf> = None,
        /// Takes any certificate. For tests only: whoever is in between can read and change everything.
        pub insecure_skip_verify: bool = false,
    }
}

section! {
    /// What happens after a failure that may pass.
    pub struct Retry {
        /// The first pause; it doubles with each failure.
        pub initial: Duration = Duration::from_secs(1),
        /// The longest pause. A collector's Retry-After counts up to 10min.
        pub max: Duration = Duration::from_secs(30),
        /// After this long a batch is given up; 0s: never while the outbox has room.
        pub give_up_after: Duration = Duration::ZERO,
    }
}

words! {
    /// How OTLP is spoken.
    pub enum Protocol {
        /// OTLP/gRPC.
        Grpc = "grpc",
        /// OTLP/HTTP with protobuf.
        HttpProtobuf = "http/protobuf",
    }
}

words! {
    /// How requests are compressed.
    pub enum Compression {
        /// Not to a loopback address, else gzip.
        Auto = "auto",
        /// Not at all.
        None = "none",
        /// gzip.
        Gzip = "gzip",
        /// zstd.
        Zstd = "zstd",
    }
}

/// The path of metrics in OTLP/HTTP.
const METRICS_PATH: &str = "/v1/metrics";

impl Export {
    /// Fills in [`Self::metrics_url`] and [`Self::base_url`]. `metrics` is the address for metrics alone, which is used
    /// as it is (OTLP exporter specification); the caller leaves it out if `endpoint` comes from a higher layer. The agent's
    /// own telemetry goes there too: headers and certificates may be meant for that host and no other.
    pub(super) fn resolve(&mut self, metrics: Option<Endpoint>) {
        let base = metrics.as_ref().or(self.endpoint.as_ref());
        if self.protocol == Protocol::Grpc {
            let local = || Endpoint::loopback(4317);
            // gRPC has paths of its own.
            self.base_url = base.map_or_else(local, |endpoint| endpoint.with_path(""));
            self.metrics_url = metrics.map_or_else(|| self.base_url.clone(), |endpoint| endpoint.with_path(""));
        } else {
            let local = || Endpoint::loopback(4318);
            self.base_url = base.map_or_else(local, |endpoint| endpoint.with_path(trimmed(endpoint)));
            let path = format!("{}{METRICS_PATH}", self.base_url.path());
            self.metrics_url = metrics.unwrap_or_else(|| self.base_url.with_path(&path));
        }
    }
}

impl Export {
    /// Fills in [`Self::from_files`]: what the file of the settings took from other files.
    pub(super) fn follow(&mut self, origins: &Origins, environment: &Environment, working_directory: &Path) {
        for name in self.headers.keys() {
            let key = format!("export.headers.{name}");
            let (Some(written), Origin::File { path, .. }) = (origins.written(&key), origins.get(&key)) else {
                continue;
            };
            let absolute = working_directory.join(path);
            let directory = absolute.parent().unwrap_or(working_directory).to_owned();
            let template = Expansion { environment, directory }.template(written);
            if let Ok(Some(template)) = template
                && template.can_change()
            {
                self.from_files.insert(name.clone(), template);
            }
        }
    }

    /// Whether a connection to the collector is encrypted for nobody in particular.
    pub fn skips_verify(&self) -> bool {
        self.metrics_url.is_tls() && self.tls.insecure_skip_verify
    }

    /// Whether `other` means the same: what is in files may be another by now, and is read again in any case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.as_written() == other.as_written()
    }

    /// Without the values that files have at the moment.
    pub(super) fn as_written(&self) -> Self {
        let mut export = self.clone();
        export.headers.retain(|name, _| !export.from_files.contains_key(name));
        export
    }
}

/// The path without what stands for metrics at its end.
fn trimmed(endpoint: &Endpoint) -> &str {
    endpoint.path().strip_suffix(METRICS_PATH).unwrap_or(endpoint.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(protocol: Protocol, endpoint: Option<&str>, metrics: Option<&str>) -> (String, String) {
        let read = |text: Option<&str>| text.map(|t| Endpoint::try_new(t).unwrap());
        let mut export = Export { protocol, endpoint: read(endpoint), ..Export::default() };
        export.resolve(read(metrics));
        (export.metrics_url.to_string(), export.base_url.to_string())
    }

    #[test]
    fn the_path_for_metrics_is_appended_to_what_is_meant_for_everything() {
        use Protocol::{Grpc, HttpProtobuf as Http};
        for (protocol, endpoint, metrics, url, base) in [
            (Grpc, None, None, "http://localhost:4317", "http://localhost:4317"),
            (Http, None, None, "http://localhost:4318/v1/metrics", "http://localhost:4318"),
            (Grpc, Some("http://c:1/"), None, "http://c:1", "http://c:1"),
            (Grpc, Some("http://c:1/v1/metrics"), None, "http://c:1", "http://c:1"),
            (Grpc, Some("http://c:1"), Some("http://m:1/x"), "http://m:1", "http://m:1"),
            (Http, Some("http://c:1"), None, "http://c:1/v1/metrics", "http://c:1"),
            (Http, Some("http://c:1/"), None, "http://c:1/v1/metrics", "http://c:1"),
            (Http, Some("http://c:1/base/"), None, "http://c:1/base/v1/metrics", "http://c:1/base"),
            (Http, Some("http://c:1/v1/metrics"), None, "http://c:1/v1/metrics", "http://c:1"),
            (Http, Some("http://c:1/base/v1/metrics/"), None, "http://c:1/base/v1/metrics", "http://c:1/base"),
            (Http, None, Some("http://m:1/x"), "http://m:1/x", "http://m:1/x"),
            (Http, None, Some("http://m:1/v1/metrics"), "http://m:1/v1/metrics", "http://m:1"),
            (Http, Some("http://c:1"), Some("http://m:1"), "http://m:1", "http://m:1"),
            (Http, Some("http://c:1"), Some("https://m:1/v1/metrics"), "https://m:1/v1/metrics", "https://m:1"),
        ] {
            let expected = (url.to_owned(), base.to_owned());
            assert_eq!(resolved(protocol, endpoint, metrics), expected, "{protocol} {endpoint:?} {metrics:?}");
        }
    }
}
